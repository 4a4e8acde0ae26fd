// Entry of the unit tests. A run whose filters match no test case fails: a renamed file must not turn its CTest test into
// one that checks nothing.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <atomic>
#include <cstdio>

#include "test/unit/twin_kit.hpp"

namespace {

unsigned cases_run = 0;
std::atomic<unsigned> failed{0};

struct CaseCounter : doctest::IReporter {
  explicit CaseCounter(doctest::ContextOptions const&) {}
  void report_query(doctest::QueryData const&) override {}
  void test_run_start() override {}
  void test_run_end(doctest::TestRunStats const& stats) override { cases_run = stats.numTestCasesPassingFilters; }
  void test_case_start(doctest::TestCaseData const&) override {}
  void test_case_reenter(doctest::TestCaseData const&) override {}
  void test_case_end(doctest::CurrentTestCaseStats const&) override {}
  void test_case_exception(doctest::TestCaseException const&) override {}
  void subcase_start(doctest::SubcaseSignature const&) override {}
  void subcase_end() override {}
  void log_assert(doctest::AssertData const& assertion) override { failed += assertion.m_failed ? 1 : 0; }
  void log_message(doctest::MessageData const&) override {}
  void test_case_skipped(doctest::TestCaseData const&) override {}
};

REGISTER_LISTENER("case_counter", 1, CaseCounter);

}  // namespace

namespace twin_kit {
unsigned asserts_failed() noexcept { return failed; }
}  // namespace twin_kit

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  int const result = context.run();
  if (context.shouldExit()) return result;
  if (cases_run == 0) {
    std::fprintf(stderr, "no test case matches the filters given\n");
    return 1;
  }
  return result;
}
