"""The closed lists of the simulated organisation: what it sells, to whom, where and through what."""

from typing import NamedTuple

TEAMS = ("north", "south", "east", "west")
PIPELINE = "new_business"
STAGES = ("qualified", "proposal", "negotiation")

# Mappings give the weight of each choice.
SOURCES = {"web": 45, "referral": 15, "partner": 12, "outbound": 18, "event": 10}
CHANNELS = {"online": 50, "phone": 30, "field": 20}
AD_CHANNELS = {"search": 45, "social": 35, "print": 20}
VISIT_CHANNELS = {"search": 45, "direct": 30, "social": 15, "newsletter": 10}
SOCIAL_CHANNELS = {"linkedin": 60, "instagram": 25, "youtube": 15}
REGIONS = {"benelux": 40, "dach": 25, "nordics": 15, "americas": 20}
SEGMENTS = {"business": 66, "consumer": 20, "patient": 14}
LOST_REASONS = {"price": 35, "competitor": 25, "timing": 20, "no_budget": 12, "no_response": 8}
CONTENT = {"company_deck": 30, "price_list": 25, "case_study": 20, "demo_video": 15, "white_paper": 10}
COURSES = ("product_basics", "negotiation", "privacy")
MARKETS = {
    "business": {"industry": 55, "retail": 45},
    "consumer": {"households": 100},
    "patient": {"care": 100},
}
"""The markets of each segment."""


class Product(NamedTuple):
    """A product as the simulated price list has it; an unknown cost stays unknown wherever it is sold."""

    product_id: str
    price_minor: int
    cost_ratio: float | None

    def cost_minor(self, quantity: int) -> int | None:
        """Return what so many of them cost the organisation."""
        return None if self.cost_ratio is None else int(self.price_minor * quantity * self.cost_ratio)


PRODUCTS = (
    Product("p-basic", 60_000, 0.35),
    Product("p-plus", 140_000, 0.33),
    Product("p-pro", 320_000, 0.30),
    Product("p-enterprise", 950_000, 0.28),
    Product("p-support", 90_000, 0.55),
    Product("p-training", 120_000, 0.60),
    Product("p-hardware", 210_000, 0.74),
    Product("p-consulting", 180_000, None),
)

GOODS = {"p-hardware": 50, "p-basic": 30, "p-plus": 20}
"""The products that are also ordered, and kept in stock."""


def currency_of(region: str) -> str:
    """Return the currency that customers of a region pay in."""
    return "USD" if region == "americas" else "EUR"
