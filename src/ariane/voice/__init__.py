"""Voice: what persons say, counted honestly and tied to who said it.

Surveys arrive as events like everything else (`Survey Sent`, `Survey Answered`, `Survey Dismissed`), so an answer lies
on the resolved person's timeline whatever the channel it was given on. `answers` is the relation of all answers;
`scores` turns them into NPS, CSAT, CES and emotion, each with its 95 % bounds, relational and transactional answers
never pooled and each person counted once; `responses` says how many of those asked answered, dismissed or kept silent.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from ariane.consent import population
>>> from ariane.store import DuckEngine, Lake
>>> from ariane.voice import SCALES, Scale, answers, responses, scores
>>> nobody = population(DuckEngine(Lake(Path(mkdtemp()))), "measurement")
>>> answers(nobody).columns[:4]
('answer_id', 'person_id', 'survey_id', 'question')
>>> scores(nobody).to_arrow().column_names
['kind', 'question', 'measure', 'unit', 'better', 'value', 'lo', 'hi', 'n']
>>> responses(nobody).to_arrow().column_names[:4]
['survey_id', 'n_sent', 'n_answered', 'n_dismissed']
>>> Scale(0, 10, top=9, bottom=6) == SCALES["nps"]
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariane.face import face

if TYPE_CHECKING:
    from ariane.voice.answering import answers
    from ariane.voice.responding import responses
    from ariane.voice.scoring import SCALES, Scale, scores

__all__ = ["SCALES", "Scale", "answers", "responses", "scores"]

__getattr__ = face(
    __name__,
    {
        "SCALES": "scoring",
        "Scale": "scoring",
        "answers": "answering",
        "responses": "responding",
        "scores": "scoring",
    },
)
