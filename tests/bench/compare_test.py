#!/usr/bin/env python3
"""Holds what compare.py concludes from its figures."""

import pathlib
import random
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from compare import SIDES, Verdict, markdown, nothing, order  # noqa: E402


def verdict(old, new, again):
    return Verdict({"old": old, "new": new, "again": again})


class CompareTest(unittest.TestCase):
    def test_slower_than_allowed_is_told(self):
        self.assertFalse(verdict([1.0] * 9, [1.031] * 9, [1.0] * 9).within)
        self.assertFalse(verdict([1.0] * 9, [2.0] * 9, [1.02] * 9).within)

    def test_three_percent_is_no_difference(self):
        self.assertTrue(verdict([1.0] * 9, [1.029] * 9, [1.0] * 9).within)

    def test_faster_is_within(self):
        self.assertTrue(verdict([1.0] * 9, [0.5] * 9, [1.0] * 9).within)

    def test_what_old_against_old_shows_is_no_difference(self):
        for again in (1.08, 0.92):
            self.assertTrue(verdict([1.0] * 9, [1.07] * 9, [again] * 9).within)
            self.assertFalse(verdict([1.0] * 9, [1.09] * 9, [again] * 9).within)

    def test_a_restless_machine_is_allowed_for(self):
        again = [1.2, 0.85, 1.1, 0.9, 1.15, 0.95, 0.8, 1.3, 1.0]
        self.assertTrue(0.03 < nothing(again) < 0.3, nothing(again))
        self.assertTrue(verdict([1.0] * 9, [1 + nothing(again) - 0.001] * 9, again).within)
        self.assertFalse(verdict([1.0] * 9, [1.35] * 9, again).within)

    def test_what_is_nothing_is_the_same_in_each_run(self):
        for rounds in (5, 20):
            again = [1 + 0.01 * n for n in range(rounds)]
            self.assertEqual(nothing(again), nothing(list(again)))
        self.assertEqual(nothing([1.0] * 9), 0.0)

    def test_old_against_old_is_told_apart_seldom(self):
        rng = random.Random("old")
        drawn = [Verdict({s: [rng.lognormvariate(0, 0.1) for _ in range(9)] for s in SIDES}).within for _ in range(200)]
        self.assertGreater(sum(drawn), 180)

    def test_a_tenth_more_is_seen_where_rounds_differ_by_three_percent(self):
        rng = random.Random("slower")
        sides = {"old": 1.0, "new": 1.1, "again": 1.0}
        drawn = [Verdict({s: [m * rng.lognormvariate(0, 0.03) for _ in range(9)] for s, m in sides.items()}).within
                 for _ in range(100)]
        self.assertLess(sum(drawn), 10)

    def test_a_machine_that_slows_down_from_round_to_round_cancels_out(self):
        drift = [1.0 + n for n in range(9)]
        self.assertAlmostEqual(verdict(drift, [d * 1.01 for d in drift], drift).ratio, 1.01)

    def test_one_bad_round_decides_nothing(self):
        self.assertTrue(verdict([1.0] * 9, [1.0] * 8 + [50.0], [1.0] * 9).within)

    def test_each_side_comes_first_equally_often(self):
        firsts = [order(n)[0] for n in range(9)]
        self.assertEqual({side: firsts.count(side) for side in SIDES}, {side: 3 for side in SIDES})
        self.assertEqual({frozenset(order(n)) for n in range(9)}, {frozenset(SIDES)})

    def test_the_page_says_who_is_slower_and_what_failed(self):
        text = markdown({"big_file": verdict([1.0], [2.0], [1.0])}, 1, ["start was not measured: because"])
        self.assertIn("**SLOWER**", text)
        self.assertIn("start was not measured", text)


if __name__ == "__main__":
    unittest.main()
