"""What the services really hold: the truth that lifecycle Jobs change, and that nobody reads but the tests.

A store is a set of numbers, each written by a user while the environment was alive. What must never happen to it raises
at the moment when it happens.
"""

from dataclasses import dataclass, field

from reconciler.core.names import Key

Content = frozenset[int]


@dataclass(frozen=True, order=True)
class Place:
    """The store of one environment that a service has in a region."""

    region: str
    key: Key
    service: str


@dataclass
class Stores:
    """All stores, and all archives by the key of their manifest.

    `frozen`: those that were exported and not upserted since: nobody can write there. `given_up`: stores that somebody
    has let go, by a commit or an approval: only those may be dropped where nothing else has what is in them. `orphans`:
    those that tenantctl cannot know of, since somebody deleted what said so, or let them stay; `replaceable`: where
    such a one has been, so that a move there may overwrite it.
    """

    content: dict[Place, Content] = field(default_factory=dict)
    frozen: set[Place] = field(default_factory=set)
    archives: dict[str, Content] = field(default_factory=dict)
    given_up: set[Place] = field(default_factory=set)
    orphans: set[Place] = field(default_factory=set)
    replaceable: set[Place] = field(default_factory=set)
    written: int = 0

    def upsert(self, place: Place, known: bool = True) -> None:
        """It lives: whoever gave it up before meant what was there then. `known`: a placement says so."""
        self.content.setdefault(place, frozenset())
        for marks in (self.frozen, self.given_up, *([self.orphans] if known else [])):
            marks.discard(place)

    def write(self, place: Place) -> None:
        if place in self.content and place not in self.frozen:
            self.written += 1
            self.content[place] |= {self.written}

    def exported(self, place: Place, manifest: str) -> None:
        self.archives[manifest] = self.content.get(place, frozenset())
        self.frozen.add(place)

    def imported(self, place: Place, manifest: str) -> None:
        lost = self.content.get(place, frozenset()) - self.archives[manifest] - self.elsewhere(place)
        assert not lost or place in self.replaceable, f"{set(lost)} in {place} is overwritten"
        self.content[place] = self.archives[manifest]

    def orphan(self, place: Place) -> None:
        self.orphans.add(place)
        self.replaceable.add(place)

    def drop(self, place: Place) -> None:
        lost = self.content.get(place, frozenset()) - self.elsewhere(place)
        assert not lost or place in self.given_up, f"{set(lost)} was only in {place}, and nobody gave it up"
        self.content.pop(place, None)
        self.frozen.discard(place)

    def elsewhere(self, place: Place) -> Content:
        """What other regions hold of the same environment and service."""
        others = (other for other in self.content if (other.key, other.service) == (place.key, place.service))
        return frozenset().union(*(self.content[other] for other in others if other.region != place.region))

    def of(self, region: str, key: Key) -> dict[str, Content]:
        """What a region holds of an environment, by service."""
        return {
            place.service: held for place, held in self.content.items() if (place.region, place.key) == (region, key)
        }

    def alive(self, region: str, key: Key) -> set[str]:
        """The services whose store in the region can be written."""
        places = (place for place in self.content if (place.region, place.key) == (region, key))
        return {place.service for place in places if place not in self.frozen}
