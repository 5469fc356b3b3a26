"""A difference in words, in English or French."""

from __future__ import annotations

from collections.abc import Callable

from ariane.errors import InputError
from ariane.identity.guarding.comparing import Difference

_IDS = 3
_SAID = {
    "en": {
        "persons": "{0} persons would become {1}: {2} would be merged into others, {3} split, {4} only renamed.",
        "same": "Nobody would change: {0} persons stay as they are.",
        "hands": "{0} identifiers would change hands, with {1} events and {2} answers about consent.",
        "refused": "Evidence that would tie no more: {0}.",
        "admitted": "Evidence that would tie anew: {0}.",
        "shared": "Shared from then on: {0} of kind {1}{2}.",
        "blocked": "Naming nobody from then on: {0} of kind {1}{2}.",
        "live": "Tying again: {0} of kind {1}{2}.",
        "more": " and {0} more",
        "merged": "{0} would become {1}{3}: {2} events change hands.",
        "split": "{0} would be split into {1}{3}: {2} events change hands.",
        "moved": "{0} would be regrouped as {1}{3}: {2} events change hands.",
        "rereads": "Past events would be read otherwise too: run 'ariane rebuild' afterwards. These numbers are of the "
        "evidence as it was read.",
    },
    "fr": {
        "persons": "{0} personnes en deviendraient {1} : {2} réunies à d’autres, {3} séparées, "
        "{4} seulement renommées.",
        "same": "Personne ne changerait : {0} personnes restent ce qu’elles sont.",
        "hands": "{0} identifiants changeraient de mains, avec {1} événements et {2} réponses de consentement.",
        "refused": "Indices qui ne relieraient plus : {0}.",
        "admitted": "Indices qui relieraient de nouveau : {0}.",
        "shared": "Désormais partagés : {0} du type {1}{2}.",
        "blocked": "Ne nommant désormais personne : {0} du type {1}{2}.",
        "live": "Reliant de nouveau : {0} du type {1}{2}.",
        "more": " et {0} autres",
        "merged": "{0} deviendraient {1}{3} : {2} événements changent de mains.",
        "split": "{0} serait séparée en {1}{3} : {2} événements changent de mains.",
        "moved": "{0} seraient regroupées en {1}{3} : {2} événements changent de mains.",
        "rereads": "Les événements passés seraient aussi lus autrement : lancez ensuite « ariane rebuild ». Ces "
        "nombres portent sur les indices tels qu’ils ont été lus.",
    },
}


def words(found: Difference, lang: str = "en") -> tuple[str, ...]:
    """The difference as sentences, the whole first and the largest changes last, in English (en) or French (fr).

    >>> words(Difference(3, 3, 0, 0, 0, 0, 0, 0, (), {}, {}, (), False))
    ('Nobody would change: 3 persons stay as they are.',)
    """
    if lang not in _SAID:
        raise InputError(f"No words in {lang!r}.", allowed=", ".join(_SAID))
    said, number = _SAID[lang], _number(lang)
    if found.changes or found.n_renamed or found.n_persons_before != found.n_persons_after:
        counts = (found.n_persons_before, found.n_persons_after, found.n_merged, found.n_split, found.n_renamed)
        sentences = [said["persons"].format(*map(number, counts))]
        moved = (found.n_identifiers, found.n_events, found.n_consents)
        sentences += [said["hands"].format(*map(number, moved))] if found.n_identifiers else []
    else:
        sentences = [said["same"].format(number(found.n_persons_before))]
    for name, counted in (("refused", found.refused), ("admitted", found.admitted)):
        if counted:
            sentences.append(said[name].format(", ".join(f"{number(n)} {rule}" for rule, n in counted.items())))
    for one in found.turned:
        sentences.append(said[one.status].format(number(one.n), one.kind, _shown(one.examples)))
    for change in found.changes:
        ids = [_listed(each, said["more"]) for each in (change.before, change.after)]
        sentences.append(said[change.cause].format(*ids, number(change.n_events), _shown(change.examples)))
    return (*sentences, said["rereads"]) if found.rereads else tuple(sentences)


def _listed(ids: tuple[str, ...], more: str) -> str:
    shown = " + ".join(ids[:_IDS])
    return shown + more.format(len(ids) - _IDS) if len(ids) > _IDS else shown


def _shown(examples: tuple[object, ...]) -> str:
    return f" ({', '.join(map(str, examples))})" if examples else ""


def _number(lang: str) -> Callable[[int], str]:
    return lambda n: f"{n:,}".replace(",", "\u202f" if lang == "fr" else ",")
