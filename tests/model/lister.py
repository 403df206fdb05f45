"""The lister: begin, read, compare (and sweep), follow up."""

from collections.abc import Iterator

from servers.lifecycle.decisions import Adopt, Move
from tests.model import changes, views
from tests.model.world import DELETING, GONE, LIVE, Lister, Seen, Step, World

Off = frozenset[str]


def go_on(world: World, off: Off, *, sweep: bool, at_once: bool) -> Iterator[Step]:
    lister = world.lister
    if lister.at:
        dead = world._replace(lister=Lister())
        yield Step("the lister dies", dead, fair=False)
    match lister.at:
        case "" if at_once:
            for step in _read(world._replace(lister=Lister("list"))):
                yield step._replace(
                    world=_follow(_compare(step.world, off, sweep=sweep), off)
                )
        case "":
            yield Step("a listing begins", world._replace(lister=Lister("list")))
        case "list":
            yield from _read(world)
        case "compare":
            yield Step("the listing is compared", _compare(world, off, sweep=sweep))
        case "follow":
            yield Step("the lister follows up", _follow(world, off))


def _read(world: World) -> Iterator[Step]:
    shown = tuple(
        index
        for index, slot in enumerate(world.cloud)
        if slot.status in {LIVE, DELETING}
    )
    yield Step("the cloud lists", _heard(world, shown))
    if world.budget.stale:
        less = world._replace(
            budget=world.budget._replace(stale=world.budget.stale - 1)
        )
        for index, slot in enumerate(world.cloud):
            if slot.status in {LIVE, DELETING}:
                old = tuple(known for known in shown if known != index)
                yield Step("the cloud lists what was", _heard(less, old), False)
            if slot.status == GONE:
                old = tuple(sorted((*shown, index)))
                yield Step("the cloud lists what was", _heard(less, old), False)


def _compare(world: World, off: Off, *, sweep: bool) -> World:
    age, shown = world.lister.age, world.lister.seen
    seen = list(world.seen)
    for index, record in enumerate(seen):
        if index in shown:
            known = (
                Seen(first=age, listed=age)
                if record is None
                else views.show(record, age)
            )
            failed = known.live and index in world.lister.failed
            seen[index] = known._replace(failed=failed)
        elif record is not None and record.live:
            verdict = views.judge(world, index)
            seen[index] = views.miss(record, verdict, age, off)
    looks = tuple(sorted({*world.looks, age}))
    compared = world._replace(
        seen=tuple(seen),
        newest=age,
        looks=looks,
        gate=True,
        lister=Lister("follow", age=age),
    )
    return _condemn(compared, off) if sweep else compared


def _condemn(world: World, off: Off) -> World:
    """As the sweep does after each listing."""
    for index, record in enumerate(world.seen):
        if record is not None and views.may_condemn(
            record, views.judge(world, index), world.lister.age, off
        ):
            world = changes.set_seen(world, index, record._replace(condemned=True))
    return world


def _follow(world: World, off: Off) -> World:
    """Move the row without its lease."""
    done = world._replace(lister=Lister())
    match views.choose(world.row, world, off)[0]:
        case Move(event=event):
            return changes.apply_event(done, event)
        case Adopt(instance=instance):
            return changes.accept(done, world.row.attempt, instance.pk, off)
    return done


def _heard(world: World, shown: tuple[int, ...]) -> World:
    failed = tuple(index for index in shown if world.cloud[index].failed)
    return world._replace(
        lister=world.lister._replace(at="compare", seen=shown, failed=failed)
    )
