"""The dashboard: Streamlit pages behind a sign-in.

server.py     the ASGI app: sign-in, health, who may come in
gate.py       who may come in, on every request, before Streamlit sees it
app.py        which page
data.py       cached reads; the only file here that touches storage (through listener/desk/)
pages.py      what every page needs: the person, their words, times and pieces of HTML
marking.py    text from outside made safe, with its evidence marked
views/        one file per page
api/          /api/v1 and /metrics: what other systems ask, with a token
"""
