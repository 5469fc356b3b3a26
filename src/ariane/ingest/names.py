"""The event names Ariane knows, with the properties that say something: Segment's e-commerce names where there is one.

An event may have any other name; these are the ones whose meaning needs no configuration.
"""

from __future__ import annotations

KNOWN_EVENTS: dict[str, tuple[str, ...]] = {
    "Product Viewed": ("product_id", "category"),
    "Products Searched": ("query",),
    "Product Clicked": ("product_id", "category"),
    "Product Compared": ("product_id", "category"),
    "Product Added": ("product_id", "category"),
    "Product Removed": ("product_id", "category"),
    "Cart Viewed": (),
    "Checkout Started": ("order_id", "revenue", "currency"),
    "Checkout Step Viewed": ("step", "order_id"),
    "Payment Info Entered": ("order_id",),
    "Order Completed": ("order_id", "revenue", "currency", "products", "store"),
    "Order Refunded": ("order_id", "revenue", "currency", "reason"),
    "Delivery Promised": ("order_id", "promised_at", "carrier"),
    "Delivery Made": ("order_id", "delivered_at", "late_days", "carrier"),
    "Site Visited": ("path",),
    "Form Submitted": ("path",),
    "Store Visited": ("store",),
    "Adviser Consulted": ("store",),
    "Call Started": ("call_id", "reason"),
    "Call Queued": ("call_id", "wait_s"),
    "Call Answered": ("call_id", "wait_s", "reason"),
    "Call Abandoned": ("call_id", "wait_s"),
    "Call Ended": ("call_id", "reason", "resolved", "talk_s"),
    "Ad Viewed": ("campaign",),
    "Ad Clicked": ("campaign",),
    "Email Delivered": ("campaign",),
    "Email Opened": ("campaign",),
    "Email Clicked": ("campaign",),
    "Message Sent": ("reason",),
    "Chat Turn": ("reason",),
    "Assistant Asked": ("reason",),
    "Product Installed": ("product_id",),
    "Product Used": ("product_id",),
    "Object Reported": ("product_id",),
    "Object Error": ("product_id", "code"),
    "Error Shown": ("code", "path"),
    "Rage Click": ("path",),
    "Long Wait": ("path", "wait_s"),
    "Try-On Started": ("product_id",),
    "Try-On Completed": ("product_id",),
    "Virtual Shop Entered": (),
    "Virtual Item Bought": ("product_id", "revenue", "currency"),
    "Friend Mentioned": (),
    "Referral Made": (),
    "Review Posted": ("product_id", "score", "comment"),
    "Complaint Made": ("reason", "comment", "outcome"),
    "Survey Sent": ("survey_id",),
    "Survey Answered": ("survey_id", "question", "score", "comment", "about", "kind"),
    "Survey Dismissed": ("survey_id",),
    "Offer Received": ("offer_id", "offer_type", "channels"),
    "Offer Viewed": ("offer_id", "offer_type", "channels"),
    "Offer Completed": ("offer_id", "offer_type", "channels"),
    "Consent Given": ("purpose", "channel", "text_version"),
    "Consent Withdrawn": ("purpose", "channel", "text_version"),
    "Segment Consent Preference Updated": (),
    "Import Started": ("kind", "purpose"),
    "Case Opened": ("reason",),
}
"""Event name → the properties read from it."""

RESERVED_SOURCE = "_ariane"
"""The source of what Ariane itself writes to the log. No write key can name it."""

INTERNAL_EVENTS: dict[str, tuple[str, ...]] = {
    "Persons Merged": ("a", "b"),
    "Persons Split": ("a", "b"),
    "Edge Retracted": ("a", "b", "rule"),
    "Decision Made": ("campaign", "outcome", "purpose", "propensity"),
}
"""Events of the reserved source: what people decided about identity (identifiers are written kind:value), and the
decisions taken for persons."""
