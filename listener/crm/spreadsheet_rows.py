"""The first sheet of an XLSX file as rows of text, read as it streams: a million rows fit in little
memory. Dates become ISO 8601, whole numbers lose their ".0"; formulas give their last result."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from listener.errors import ImportError_

_COLUMNS = 200  # a sheet whose formatting reaches to the last column has no more


def is_sheet(path: Path) -> bool:
    return path.suffix.lower() in (".xlsx", ".xlsm")


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(row number from 1, its cells). Empty rows are left out. Raises ImportError_."""
    from openpyxl import load_workbook  # type: ignore[import-untyped]
    from openpyxl.utils.exceptions import InvalidFileException  # type: ignore[import-untyped]

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except OSError as error:
        raise ImportError_(f"cannot read {path}: {error.strerror}.") from error
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ImportError_(
            f"{path} is no XLSX file that can be read ({error}). Save it again, or export CSV."
        ) from error
    try:
        sheet = book.worksheets[0]
        for number, cells in enumerate(sheet.iter_rows(max_col=_COLUMNS, values_only=True), 1):
            written = [_text(cell) for cell in cells]
            while written and not written[-1]:
                written.pop()
            if written:
                yield number, written
    finally:
        book.close()


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        midnight = (cell.hour, cell.minute, cell.second) == (0, 0, 0)
        return cell.date().isoformat() if midnight else cell.isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
