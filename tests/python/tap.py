# SPDX-License-Identifier: GPL-2.0-only
"""Run the cases of a module of unittest, and print TAP for vm/count."""

import traceback
import unittest


class _Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.failed = 0

    def _print(self, verdict, test, said=""):
        for line in said.splitlines():
            print("#", line)
        name = test.id().rsplit(".", 1)[1].removeprefix("test_")
        print(verdict, self.testsRun, name, flush=True)

    def addSuccess(self, test):
        self._print("ok", test)

    def addFailure(self, test, err):
        self.failed += 1
        self._print("not ok", test, "".join(traceback.format_exception(*err)))

    addError = addFailure

    def addSkip(self, test, reason):
        self._print(f"ok {self.testsRun} # SKIP {reason} #", test)


def main(module):
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    print(f"1..{suite.countTestCases()}", flush=True)
    result = _Result()
    suite.run(result)
    return result.failed != 0
