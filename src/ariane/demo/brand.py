"""Maison Dédale: what it sells, where, to whom, and what was planted in its town."""

from __future__ import annotations

from datetime import date, timedelta
from importlib.resources import files

import msgspec

DAYS = 120
"""How many days the town's history covers, the last one being `until_on`."""

DAY_MS = 86_400_000
STORES = ("Lyon", "Paris", "Lille")
CARRIERS = ("Hermod", "Iris", "Mercure")
REASONS = ("activation", "delivery", "payment", "usage", "return")
PRODUCTS = (
    ("fil-one", "lamps", 129.0),
    ("fil-mini", "lamps", 79.0),
    ("fil-arc", "lamps", 219.0),
    ("fil-bulb", "bulbs", 24.9),
    ("fil-shade", "shades", 39.0),
    ("fil-hub", "hubs", 89.0),
)
CAMPAIGNS = ("autumn-light", "thread-of-light", "back-home", "designer-week")
ANDROID_VERSIONS = ("4.1", "4.2", "4.3")
IOS_VERSIONS = ("5.1", "5.2")
INTENTS = ("buy", "research", "gift", "support", "renew")

PLACES = (
    "phone", "laptop", "tablet", "app", "store", "chatbot", "voice_assistant", "immersive", "virtual_world", "social",
)  # fmt: skip
"""Where a person may be in touch with the brand before buying."""

PURCHASE_SHARE = 0.66
"""Of those who decide to buy, how many end up paying where nothing was planted."""

CHANNEL_EFFECTS = {
    "store": 0.17, "immersive": 0.14, "app": 0.09, "email": 0.07, "word_of_mouth": 0.12, "social": 0.04,
    "virtual_world": 0.03, "chatbot": 0.02, "web": 0.06, "voice_assistant": 0.0, "partner": 0.0,
}  # fmt: skip
"""What having met each channel in a journey adds to the probability of deciding to buy."""

FEELINGS = {
    "sees_campaign": 0.2, "hears_friend": 0.9, "searches": 0.3, "compares": 0.7, "tries_on": 1.0, "visits_store": 1.05,
    "asks_assistant": -0.05, "fills_basket": 0.6, "pays": -0.5, "waits_delivery": -1.15, "installs": 0.1,
    "calls_support": -1.95, "answers_survey": 0.35, "buys_again": 1.0, "recommends": 2.2,
}  # fmt: skip
"""What the average person feels at each step, −2…+2, before anything planted."""

MOMENTS = {"calls_support": 0.36, "visits_store": 0.28, "pays": 0.20, "waits_delivery": 0.10, "installs": 0.06}
"""How much each step's experience weighs on the answer to the relational survey. They sum to 1."""

DELIGHTS = (
    ("visits_store", "prop_store", "Lyon", 0.7),
    ("calls_support", "prop_reason", "usage", 0.9),
)

REVIEW_STARS = {False: (0.05, 0.03, 0.09, 0.25, 0.58), True: (0.42, 0.13, 0.15, 0.13, 0.17)}
"""Shares of 1 to 5 stars for deliveries in time and late: means 4.28 and 2.50."""

OFFERS = (
    ("offer-reward", "bogo", "web,email", 0.35),
    ("offer-light", "discount", "web,email,mobile", 0.54),
    ("offer-circle", "discount", "web,email,mobile,social", 0.96),
)
"""Offer, type, the channels it is sent on, and the share of those who receive it that view it."""


class Persona(msgspec.Struct, frozen=True):
    """A way of living with the brand. `journeys` per 120 days; `places` weigh PLACES in order."""

    key: str
    share: float
    name_en: str
    name_fr: str
    description: str
    description_fr: str
    journeys: float
    places: tuple[float, ...]
    store_buyer: float
    account: float
    reorder: float
    caller: float


PERSONAS = (
    Persona(
        "curious", 0.26, "The curious", "Le curieux", "Reads and compares for weeks, on many screens, before deciding.",
        "Lit et compare des semaines, sur plusieurs écrans, avant de décider.",
        3.4, (26, 30, 8, 8, 8, 6, 2, 4, 2, 6), 0.25, 0.56, 0.28, 1.0,
    ),
    Persona(
        "shop_faithful", 0.22, "The shop regular", "Le fidèle de boutique",
        "Prepares online, decides beside an adviser.",
        "Prépare en ligne, décide auprès d’un conseiller.",
        2.6, (16, 14, 6, 6, 40, 3, 2, 3, 0, 4), 0.75, 0.62, 0.36, 1.1,
    ),
    Persona(
        "hurried", 0.22, "The hurried", "Le pressé", "Buys on the phone in a few minutes, wants it tomorrow.",
        "Achète au téléphone en quelques minutes, le veut demain.",
        2.9, (30, 6, 3, 40, 6, 5, 2, 2, 1, 5), 0.12, 0.72, 0.42, 0.9,
    ),
    Persona(
        "technophile", 0.14, "The technophile", "Le technophile",
        "Tries everything first: augmented reality, voice, virtual shop.",
        "Essaie tout le premier : réalité augmentée, voix, boutique virtuelle.",
        3.3, (16, 16, 6, 22, 6, 8, 8, 10, 5, 3), 0.15, 0.78, 0.44, 0.8,
    ),
    Persona(
        "deal_hunter", 0.16, "The deal hunter", "Le chasseur d’offres",
        "Waits for the offer, follows the brand on social networks.",
        "Attend l’offre, suit la marque sur les réseaux sociaux.",
        3.1, (32, 18, 6, 12, 8, 4, 1, 2, 1, 16), 0.30, 0.64, 0.30, 1.2,
    ),
)  # fmt: skip


class Friction(msgspec.Struct, frozen=True):
    """Something planted to hurt: for one slice, from the day `began` to the day `ended` (days before the last)."""

    friction_id: str
    detector: str
    step: str
    to_step: str
    slice_property: str
    slice_value: str
    began: int
    ended: int
    size: float
    description_en: str
    description_fr: str

    def hits(self, ms: float) -> bool:
        """Whether an instant of the town's clock (ms since its first day) lies in its days."""
        return DAYS - 1 - self.began <= ms / DAY_MS < DAYS - self.ended

    def dates(self, until_on: date) -> tuple[date, date]:
        """Its first and last day."""
        return until_on - timedelta(days=self.began), until_on - timedelta(days=self.ended)


CHECKOUT_BREAKS = Friction(
    "checkout-android-4.2", "drop_off", "fills_basket", "pays", "ctx_app_version", "4.2", 34, 21, 0.56,
    "After a payment provider's change, paying fails in version 4.2 of the Android app.",
    "Après un changement du prestataire, le paiement échoue dans la version 4.2 de l’application Android.",
)  # fmt: skip
ACTIVATION_RETURNS = Friction(
    "activation-calls", "repeat_contact", "calls_support", "calls_support", "prop_reason", "activation", 58, 38, 0.8,
    "A firmware batch undoes the activation: people call again within days of a call closed as resolved.",
    "Un lot de micrologiciel défait l’activation : on rappelle quelques jours après un appel clos comme résolu.",
)  # fmt: skip
HERMOD_WAITS = Friction(
    "hermod-depot", "wait", "waits_delivery", "waits_delivery", "prop_carrier", "Hermod", 47, 30, 1.5 * 86_400,
    "Parcels of the carrier Hermod due in these days wait a day and a half more in its depot.",
    "Les colis du transporteur Hermod attendus ces jours-là attendent un jour et demi de plus au dépôt.",
)  # fmt: skip
PAYMENT_QUEUE = Friction(
    "payment-queue", "wait", "calls_support", "calls_support", "prop_reason", "payment", 25, 12, 120.0,
    "Calls about payment wait four times longer: half of their team is on leave.",
    "Les appels sur le paiement attendent quatre fois plus : la moitié de l’équipe est en congé.",
)  # fmt: skip
CODE_AT_TILL = Friction(
    "code-at-till", "ping_pong", "visits_store", "compares", "prop_store", "Lille", 20, 7, 0.45,
    "In Lille the till refuses the code the site shows: people go back and forth between adviser and phone.",
    "À Lille la caisse refuse le code affiché sur le site : on va et vient entre conseiller et téléphone.",
)  # fmt: skip
FRICTIONS = (CHECKOUT_BREAKS, ACTIVATION_RETURNS, HERMOD_WAITS, PAYMENT_QUEUE, CODE_AT_TILL)


def journey_toml() -> str:
    """The brand's journey file, as a workspace keeps it.

    >>> 'key = "visits_store"' in journey_toml()
    True
    """
    return files("ariane.demo").joinpath("journey.toml").read_text("utf-8")
