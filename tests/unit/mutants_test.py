#!/usr/bin/env python3
"""tools/mutants.py over a small tree of which it is known what becomes of every mutant: a tool that called a survivor killed, or a
killed one survived, would fail here. It is built with cmake and g++, as the real tree is."""

import contextlib
import io
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import mutants  # noqa: E402
from mutant_kinds import enums_of, find_mutants  # noqa: E402
from mutant_workshop import Trouble, remove_leftovers  # noqa: E402

HEADER = """#pragma once
enum class Answer { no, yes, later };
Answer answer_of(int status);
bool is_allowed(int asked, int limit);
unsigned steps(unsigned left);
"""
RULE = """#include "rule.h"

struct Row {
  int status;
  Answer answer;
};

bool is_empty(const char* text) {
  return *text == '\\0';
}

// A comment: 1 < 2 && !false.
constexpr Row kRows[] = {
    {1, Answer::yes},
    {2, Answer::later},
    {3, Answer::no},
};
static_assert(kRows[0].status == 1);

Answer answer_of(int status) {
  for (const Row& row : kRows) {
    if (row.status == status) return row.answer;
  }
  return Answer::no;
}

bool is_allowed(int asked, int limit) {
  const char* const text = "1 < 2 && !true";
  return asked < limit && !is_empty(text);
}

unsigned steps(unsigned left) {
  unsigned count = 0;
  while (left != 0) {
    left -= 1;
    count += 1;
  }
  return count;
}
"""
TEST = """#include "rule.h"

int main() {
  const bool rows = answer_of(1) == Answer::yes && answer_of(2) == Answer::later && answer_of(3) == Answer::no;
  return rows && is_allowed(1, 5) && !is_allowed(6, 5) && steps(3) == 3 ? 0 : 1;
}
"""
SLOW_TEST = "static const int slow = [] { for (;;); return 0; }();\n"  # what is not named is not linked
OUTCOMES = {  # line in the source: {mutation: what becomes of it}
    9: {"== → !=": "killed"},
    14: {"row 1 → no row": "not compiled", "1 → 2": "not compiled", "Answer::yes → later": "killed",
         "rows 1, 2 → outcomes swapped": "killed"},
    15: {"row 2 → no row": "killed", "2 → 3": "killed", "Answer::later → no": "killed", "rows 2, 3 → outcomes swapped": "killed"},
    16: {"row 3 → no row": "survived", "3 → 4": "survived", "Answer::no → yes": "killed"},
    22: {"== → !=": "killed"},
    24: {"Answer::no → yes": "survived"},
    29: {"< → <=": "survived", "&& → ||": "killed", "! → nothing": "killed"},
    33: {"0 → 1": "killed"},
    34: {"!= → ==": "killed", "0 → 1": "killed"},
    35: {"-= → +=": "timed out", "1 → 0": "timed out", "1 → 2": "timed out"},
    36: {"+= → -=": "killed", "1 → 0": "killed", "1 → 2": "killed"},
}
LIST = """[[files]]
path = "rule.cpp"
tests = ["rule_test rule_test.cpp --quietly"]
"""
EXCUSE = """
[[excuses]]
file = "rule.cpp"
line = '{3, Answer::no},'
mutation = "row 3 → no row"
reason = "what has no row is answered in the same way"
"""
CMAKE = """cmake_minimum_required(VERSION 3.25)
project(fixture LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_library(rule STATIC rule.cpp)
add_executable(rule_test rule_test.cpp slow_test.cpp)
target_link_libraries(rule_test PRIVATE rule)
"""
PRESETS = """{"version": 6,
 "configurePresets": [{"name": "mutants", "generator": "Ninja", "binaryDir": "${sourceDir}/build/mutants"}],
 "buildPresets": [{"name": "mutants", "configurePreset": "mutants"}]}
"""


def found(text, header=""):
    return [(one.line, one.mutation) for one in find_mutants("a.cpp", text, enums_of([header]))]


class Fixture(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.tree, self.work = self.directory / "tree", self.directory / "work"
        self.work.mkdir()
        for name, text in {"rule.h": HEADER, "rule.cpp": RULE, "rule_test.cpp": TEST, "slow_test.cpp": SLOW_TEST, "CMakeLists.txt": CMAKE,
                           "CMakePresets.json": PRESETS, "tools/mutants.toml": LIST}.items():
            self.write(name, text)
        shutil.copy2(ROOT / "tools" / "build.sh", self.tree / "tools" / "build.sh")
        self.addCleanup(setattr, mutants, "LEAST_LIMIT", mutants.LEAST_LIMIT)
        mutants.LEAST_LIMIT = 1

    def write(self, name, text):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_tool(self, *arguments):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = mutants.main(["--root", str(self.tree), "--directory", str(self.work), "--jobs", "1", *arguments])
        return status, out.getvalue()

    def contents(self):
        return {path.relative_to(self.tree): path.read_bytes() for path in self.tree.rglob("*") if path.is_file()}

    def refusal(self, *arguments):
        with self.assertRaises(Trouble) as raised:
            self.run_tool(*arguments)
        self.assertTrue(str(raised.exception).startswith("cannot "), raised.exception)
        self.assertEqual(list(self.work.iterdir()), [])
        return str(raised.exception)


class WholeRun(Fixture):
    def test_each_mutant_gets_its_due_and_the_tree_stays(self):
        before, file = self.contents(), self.directory / "results.json"
        status, out = self.run_tool("--results", str(file))
        results = mutants.Results(self.tree, file)
        outcomes = {}
        for mutant in find_mutants("rule.cpp", RULE, enums_of([HEADER])):
            outcomes.setdefault(mutant.line, {})[mutant.mutation] = results.outcomes[mutant.key]
        self.assertEqual(outcomes, OUTCOMES)
        self.assertEqual(status, 0, "no score is asked for")
        self.assertIn("rule.cpp:29: < → <=\n    return asked < limit", out, "a survivor is named with its line")
        self.assertIn("83 %", out)  # of 24: 20 killed, 3 of them timed out; 4 survived
        self.assertEqual(self.contents(), before)
        self.assertEqual(list(self.work.iterdir()), [])
        self.goes_on_where_it_ended(file)

    def goes_on_where_it_ended(self, file):
        """Survivors are tried again, what was killed is not, what is excused neither."""
        self.write("rule_test.cpp", TEST.replace("steps(3) == 3", "steps(3) == 3 && !is_allowed(5, 5)"))
        self.write("tools/mutants.toml", "least_score = 100\n" + LIST + EXCUSE)
        status, out = self.run_tool("--results", str(file), "--write", "page.md")
        self.assertIn("26 mutants; 3 to try", out)
        self.assertEqual(status, 1, "the score that is asked for is not reached")
        page = (self.tree / "page.md").read_text()
        self.assertIn("| [rule.cpp](../rule.cpp) | 91 % | 21 | 3 | 2 | 1 | 2 | 0 |", page)
        self.assertNotIn("asked < limit", page)
        self.assertIn("`Answer::no → yes` in `return Answer::no;`", page)
        self.write("rule.cpp", RULE + "\n")
        self.assertEqual(mutants.Results(self.tree, file).outcomes, {}, "of another source nothing is known")

    def test_tests_that_fail_as_they_are_say_nothing(self):
        self.write("rule_test.cpp", TEST.replace("steps(3) == 3", "steps(3) == 4"))
        self.assertIn("without any mutation its tests rule_test", self.refusal())

    def test_a_source_of_a_test_that_its_program_does_not_have_is_refused(self):
        self.write("tools/mutants.toml", LIST.replace("rule_test.cpp", "rules_test.cpp"))
        self.assertIn("cannot link rule_test rules_test.cpp", self.refusal())

    def test_a_source_that_no_test_is_built_of_is_refused(self):
        self.write("other.cpp", "bool other() { return true; }\n")
        self.write("tools/mutants.toml", LIST.replace("rule.cpp", "other.cpp"))
        self.assertIn("cannot compile other.cpp", self.refusal())

    def test_a_run_that_is_ended_leaves_nothing(self):
        before = self.contents()
        with subprocess.Popen([sys.executable, str(ROOT / "tools" / "mutants.py"), "--root", str(self.tree), "--directory",
                               str(self.work)], stdout=subprocess.PIPE, text=True) as process:
            self.assertIn("26 to try", process.stdout.readline())
            self.assertIn("building", process.stdout.readline(), "cmake and the compiler are at work")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertEqual(list(self.work.iterdir()), [])
        self.assertEqual(self.contents(), before)

    def test_what_a_killed_run_left_goes_and_what_a_living_one_has_stays(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        living = self.work / f"larder-mutants-{subprocess.os.getpid()}-abc"
        for path in (self.work / f"larder-mutants-{ended.pid}-abc", living, self.work / "another"):
            path.mkdir()
        remove_leftovers(self.work)
        self.assertEqual({path.name for path in self.work.iterdir()}, {living.name, "another"})


class Lists(Fixture):
    def test_listing_builds_nothing(self):
        status, out = self.run_tool("--list", "--directory", str(self.directory / "there is no place for a copy"))
        self.assertEqual((status, out.splitlines()[-1]), (0, "26 mutants, 0 of them excused"))
        self.assertIn("rule.cpp:29: < → <=", out.splitlines())

    def test_a_seed_draws_the_same_mutants_again(self):
        drawn = [self.run_tool("--list", "--limit", "5", "--seed", seed)[1] for seed in ("1", "1", "2")]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])
        self.assertIn("5 mutants", drawn[0])

    def test_an_excuse_without_its_mutant_is_an_error(self):
        for old, new in (("row 3", "row 4"), ("{3, Answer::no},", "{3, Answer::yes},"), ("rule.cpp", "rules.cpp")):
            self.write("tools/mutants.toml", LIST + EXCUSE.replace(old, new))
            self.assertIn("no mutant is that", self.refusal("--list"), new)

    def test_an_excuse_says_which_of_several_and_why(self):
        twice = "\nbool both(int a) {\n  return a < 1 || 9 < a || a < 0;\n}\n"
        self.write("rule.cpp", RULE + twice)
        excuse = '\n[[excuses]]\nfile = "rule.cpp"\nline = "return a < 1 || 9 < a || a < 0;"\nmutation = "< → <="\n'
        self.write("tools/mutants.toml", LIST + excuse + 'reason = "so"\n')
        self.assertIn("say which with nth", self.refusal("--list"))
        self.write("tools/mutants.toml", LIST + excuse + 'reason = "so"\nnth = 3\n')
        self.assertIn("(number 3 of these)  (excused: so)", self.run_tool("--list")[1])
        self.write("tools/mutants.toml", LIST + excuse + 'reason = " "\nnth = 3\n')
        self.assertIn("gives no reason", self.refusal("--list"))

    def test_nothing_that_is_selected_and_nothing_that_is_there_are_errors(self):
        self.assertIn("--list shows", self.refusal("--list", "--only", "plan"))
        self.write("tools/mutants.toml", LIST.replace("rule.cpp", "gone.cpp"))
        self.assertIn("gone.cpp", self.refusal("--list"))
        self.write("tools/mutants.toml", LIST + "[[excuses]]\n")
        self.assertIn("cannot read", self.refusal("--list"))


class Mutations(unittest.TestCase):
    def test_comments_texts_directives_and_what_is_only_compiled_stay(self):
        self.assertEqual(found('// a < b\n/* 1 + 1 */\n#define A(x) \\\n  (x < 1 && true)\nconst char* t = "a < b" R"(1 < 2)" "!";\n'
                               "static_assert(sizeof(int) == 4 && true);\nchar c = '!';\n"), [])

    def test_angle_brackets_are_no_comparisons(self):
        self.assertEqual(found("template <class T, int N = 3>\nusing X = std::map<int, std::array<T, 4>>;\n"
                               "std::vector<std::pair<int, Y<7>>> f(std::optional<T>&& t);\nbool operator<(A a, A b);\n"), [])
        self.assertEqual(found("auto x = static_cast<Y<3>>(a) < b;\n"), [(1, "< → <=")])
        self.assertEqual(found("auto x = a < b\n    && c >= d;\n"), [(1, "< → <="), (2, "&& → ||"), (2, ">= → >")])

    def test_log_lines_stay_and_what_the_log_computes_for_others_does_not(self):
        self.assertEqual(found('void f() {\n  if (a) log::warn("x {}", b < c);\n  log::info("y", 1 + 1);\n}\n'), [])
        self.assertEqual(found("auto x = log::redact(a < b);\n"), [(1, "< → <=")])

    def test_constants_go_up_down_and_to_nothing(self):
        self.assertEqual(found("auto x = seconds(30);\n"), [(1, "30 → 0"), (1, "30 → 29"), (1, "30 → 31")])
        self.assertEqual(found("auto x = 1U;\n"), [(1, "1U → 0U"), (1, "1U → 2U")])
        self.assertEqual(found("auto x = 0;\n"), [(1, "0 → 1")])
        self.assertEqual(found("auto x = 1'000;\n"), [(1, "1'000 → 0"), (1, "1'000 → 999"), (1, "1'000 → 1001")])
        self.assertEqual(found("auto x = 0x10 << 1.5;\n"),
                         [(1, "0x10 → 0"), (1, "0x10 → 15"), (1, "0x10 → 17"), (1, "1.5 → 0.0"), (1, "1.5 → 2.5")])

    def test_signs_are_no_sums_and_neither_are_texts(self):
        self.assertEqual(found('auto x = -a, y = "b" + c + d, z = e - f;\n'), [(1, "+ → -"), (1, "- → +")])
        self.assertEqual(found("a += b;\nc -= d;\n"), [(1, "+= → -="), (2, "-= → +=")])

    def test_truth_and_negation(self):
        self.assertEqual(found("bool x = !a && b != true;\n"),
                         [(1, "! → nothing"), (1, "&& → ||"), (1, "!= → =="), (1, "true → false")])

    def test_enumerators_go_to_their_neighbour(self):
        header = "enum class Kind : unsigned char {\n  first,  // one, two\n  second = 4,\n  third\n};\n"
        self.assertEqual(found("return Plan::Kind::second;\n", header), [(1, "Kind::second → third")])
        self.assertEqual(found("return Kind::third;\n", header), [(1, "Kind::third → first")])
        self.assertEqual(found("return Other::second;\nswitch (k) { case Kind::first: break; }\n", header), [])

    def test_constant_lists_lose_elements(self):
        self.assertEqual(found("constexpr std::array kAll = {A::a, A::b, A::c};\n"),
                         [(1, "row A::a → no row"), (1, "row A::b → no row"), (1, "row A::c → no row")])
        self.assertEqual(found("const Thing thing{a, b, c};\n"), [])

    def test_rows_lose_their_place_and_exchange_what_follows(self):
        text = "constexpr Row kRows[] = {\n    Row{A, x, {M, N, N}},\n    Row{B, y, {N, M, M}},\n};\n"
        made = {one.mutation: one.apply(text) for one in find_mutants("a.cpp", text, {})}
        self.assertEqual(list(made), ["row A → no row", "rows A, B → outcomes swapped", "M, N → N, M", "row B → no row", "N, M → M, N"])
        self.assertEqual(made["row A → no row"], "constexpr Row kRows[] = {\n    Row{B, y, {N, M, M}},\n};\n")
        self.assertEqual(made["row B → no row"], "constexpr Row kRows[] = {\n    Row{A, x, {M, N, N}},\n};\n")
        self.assertEqual(made["rows A, B → outcomes swapped"],
                         "constexpr Row kRows[] = {\n    Row{A, y, {N, M, M}},\n    Row{B, x, {M, N, N}},\n};\n")
        self.assertEqual(made["M, N → N, M"], text.replace("{M, N, N}", "{N, M, N}"))


if __name__ == "__main__":
    unittest.main()
