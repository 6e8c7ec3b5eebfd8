"""SECRET: the API key stays where it belongs."""

from __future__ import annotations

from sttkit.laws.model import Judgement, Law, Run, broken, passed


def no_secret_leaks(run: Run) -> Judgement:
    for record in run.history.of("leak"):
        return broken("the API key nowhere", f"in {record.data['place']}", record.at)
    return passed()


LAWS = (
    Law(
        "SECRET-1",
        "must",
        "The API key appears in no log record, exception text or repr, event, report or cassette.",
        "Logs and error trackers are read by many; a key in them has to be revoked.",
        "A key that no text contains by chance, looked for in everything that comes out, as it is, "
        "percent-encoded and in base64.",
        no_secret_leaks,
    ),
)
