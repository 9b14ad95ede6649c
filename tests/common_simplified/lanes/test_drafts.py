"""Drafts are found where the newest tokens stood before, and grow with what is accepted."""

from common_simplified.lanes.drafts import LONGEST_DRAFT, Drafter, DraftPool, Text

PROMPT = [1, 2, 3]


def drafter(*texts, worth=0.5):
    pool = DraftPool()
    for text in texts:
        pool.add([*PROMPT, *text])
    return Drafter(pool, PROMPT, worth)


def trusting(lane, rounds=20):
    """A lane whose drafts have been right for some time."""
    for token in range(rounds):
        lane.accept([1000 + token, 2000 + token], 1)
    return lane


def test_at_the_beginning_the_likely_text_is_the_draft():
    assert drafter([10, 11, 12, 13]).draft(3)[:2] == [10, 11]


def test_after_other_tokens_it_goes_on_where_they_stood():
    lane = drafter([10, 11, 12, 13, 14, 15])
    lane.accept([99], 0)
    lane.accept([12], 0)
    assert lane.draft(2)[:1] == [13]


def test_a_loop_of_its_own_goes_round():
    lane = trusting(drafter())
    lane.accept([7, 8, 9, 7, 8, 9, 7], 0)
    assert lane.draft(7) == [8, 9, 7, 8, 9, 7, 8]


def test_a_longer_match_wins_over_a_later_one():
    lane = trusting(drafter([5, 6, 70], [9, 6, 80]))
    lane.accept([5, 6], 0)
    assert lane.draft(1) == [70]


def test_the_other_lanes_are_drafted_from_while_they_are_written():
    pool = DraftPool()
    ahead, behind = Drafter(pool, PROMPT, 0.5), Drafter(pool, PROMPT, 0.5)
    ahead.accept([20, 21, 22, 23], 0)
    behind.accept([20, 21], 0)
    assert behind.draft(2)[:1] == [22]


def test_nothing_is_drafted_from_nothing():
    assert Drafter(DraftPool(), [], 0.5).draft(5) == []


def test_never_more_than_asked_for():
    lane = trusting(drafter(list(range(100, 300))))
    lane.accept([100], 0)
    assert lane.draft(0) == []
    assert lane.draft(2) == [101, 102]
    assert len(lane.draft(500)) == LONGEST_DRAFT


def test_drafts_grow_while_they_agree_and_shrink_when_they_do_not():
    lane = drafter(list(range(100, 900)))
    lengths = []
    position = 100
    for _ in range(8):
        draft = lane.draft(500)
        lengths.append(len(draft))
        accepted = range(position, position + len(draft) + 1)
        lane.accept(list(accepted), len(draft))
        position += len(draft) + 1
    assert lengths == sorted(lengths)
    assert lengths[-1] > 4 * lengths[0]
    for _ in range(6):
        lane.accept([position + 1], 4)
        position += 1
    assert len(lane.draft(500)) <= 1


def test_trust_comes_back_slowly():
    lane = drafter(list(range(100, 200)))
    for token in range(50, 60):
        lane.accept([token], 4)
    assert lane.draft(9) == []
    for token in range(60, 90):
        lane.accept([token], 0)
    lane.accept([100], 0)
    assert lane.draft(9) != []


def test_where_drafts_are_never_worth_it_there_are_none():
    assert trusting(drafter([10, 11, 12], worth=2.0)).draft(5) == []


def test_a_text_finds_the_last_place_that_something_follows():
    text = Text([1, 2, 3, 1, 2, 4, 1, 2])
    assert text.find((1, 2)) == 5
    assert text.find((4, 1)) == 7
    assert text.find((9,)) is None
