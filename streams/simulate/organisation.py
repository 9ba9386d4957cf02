"""Simulate an organisation that sells: its parts, put together."""

from streams.simulate.activities import Activities
from streams.simulate.archive import Archive
from streams.simulate.customers import Customers
from streams.simulate.deals import Deals
from streams.simulate.engine import Simulation
from streams.simulate.leads import Leads
from streams.simulate.measurements import Measurements
from streams.simulate.money import Rates, Spending
from streams.simulate.orders import Orders
from streams.simulate.people import People
from streams.simulate.plans import Plans
from streams.simulate.subscriptions import Subscriptions


class Organisation(Simulation):
    """A simulated organisation of four sales teams that sells eight products, subscriptions, goods and hotel nights.

    The same seed and start give the same events, to the byte.

    Args:
        seed: Chooses one of the possible courses of things.
        start_ms: The present: `history` ends here and `advance` goes on from here.
        zone: The business time zone, whose office hours give the daily rhythm.
        pace: How many times denser things happen after `start_ms`. All timestamps stay those of the real moment. At
            any pace but 1 the office never closes (a demo is also watched at night) and leads, deals, subscriptions and
            orders move on faster in the same proportion, so that what is under way stays as it is; the time to a first
            response does not change, nor does what comes once a day.
    """

    def begin(self, at: int) -> None:
        """Set the first happenings: what was over or under way already, and the streams of what comes."""
        people = People(self)
        activities = Activities(self, people)
        customers = Customers(self, activities)
        deals = Deals(self, people, activities, customers)
        parts = (
            people,
            Rates(self),
            Plans(self, people),
            Spending(self),
            Measurements(self),
            Archive(self, customers, deals),
            deals,
            Leads(self, people, activities, customers, deals),
            Subscriptions(self, customers),
            Orders(self, customers),
            customers,
            activities,
        )
        for part in parts:
            part.begin(at)
