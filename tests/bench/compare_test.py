#!/usr/bin/env python3
"""Holds what compare.py concludes from its figures."""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from compare import SIDES, Verdict, markdown, order  # noqa: E402


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
