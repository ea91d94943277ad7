#include <whorl/facts/fact_file.h>
#include <whorl/facts/fact_scanner.h>

#include <gmock/gmock.h>

namespace whorl::facts {

namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view header =
    "/*\n"
    " * Parses a unit. This function is not\n"
    " * thread-safe; it is Not Thread-Safe at all.\n"
    " */\n"
    "ut_unit* ut_parse(ut_system* system);\n"
    "\n"
    "/* May be called from any thread. */\n"
    "int wake(int fd);\n"
    "// Blocks until there is an answer.\n"
    "int ask_server (const char* name);\n";

TEST(FactScanner, NamesTheDeclarationBelowAComment) {
  const auto ideas = propose_facts("units.h", header);
  ASSERT_THAT(ideas, SizeIs(3));
  EXPECT_EQ(ideas[0].symbol, "ut_parse");
  EXPECT_EQ(ideas[0].threads, thread_class::compatible);
  EXPECT_EQ(ideas[0].line, 2U);
  EXPECT_EQ(ideas[1].symbol, "wake");
  EXPECT_EQ(ideas[1].threads, thread_class::shared);
  EXPECT_EQ(ideas[2].symbol, "ask_server");
  EXPECT_EQ(ideas[2].blocking, blocking_class::wait);
}

TEST(FactScanner, NamesTheFunctionThatADocstringIsIn) {
  const auto ideas = propose_facts("random.py", "def gauss(self):\n    \"\"\"Not thread-safe without a lock.\"\"\"\n");
  ASSERT_THAT(ideas, SizeIs(1));
  EXPECT_EQ(ideas[0].symbol, "gauss");
}

TEST(FactScanner, AManualPageIsAboutItsName) {
  const auto ideas = propose_facts("/usr/share/man/man3/strtok.3.gz", "T}\tThread safety\tMT-Unsafe race:strtok\n");
  ASSERT_THAT(ideas, SizeIs(1));
  EXPECT_EQ(ideas[0].symbol, "strtok");
  EXPECT_EQ(ideas[0].threads, thread_class::compatible);
}

TEST(FactScanner, APhraseMayGoOnInTheNextLine) {
  const auto ideas = propose_facts("a.h", "/* These are thread-\n * safe. */\nint f_one(void);\n");
  ASSERT_THAT(ideas, SizeIs(1));
  EXPECT_EQ(ideas[0].threads, thread_class::shared);
  EXPECT_THAT(propose_facts("a.h", "/* It is not\n * thread-safe. */\nint f_two(void);\n"), SizeIs(1));
}

TEST(FactScanner, WordsInACommentDeclareNothing) {
  constexpr std::string_view prose =
      "/* This is thread-safe as long as\n   malloc() and free() are.\n\n   See set_lock (below).\n*/\n"
      "WRAPPED(int)\nint squeeze(char* text);\nint other(void);  /* not thread-safe */\n";
  const auto ideas = propose_facts("squeeze.h", prose);
  ASSERT_THAT(ideas, SizeIs(2));
  EXPECT_EQ(ideas[0].symbol, "squeeze");
  EXPECT_EQ(ideas[1].symbol, "other");
}

TEST(FactScanner, TagsAreNoWords) {
  const auto ideas = propose_facts("uv_run.html", "<p>This is <b>not</b> <i>thread-safe</i></p>\n");
  ASSERT_THAT(ideas, SizeIs(1));
  EXPECT_EQ(ideas[0].threads, thread_class::compatible);
}

TEST(FactScanner, SaysNothingOfOtherTexts) {
  EXPECT_THAT(propose_facts("a.h", "int threads;\nvoid block(int size);\n"), IsEmpty());
}

TEST(FactScanner, ProposesRecordsThatAreSoundAndGuessed) {
  const std::string text = to_text({{"units.h", propose_facts("units.h", header)}});
  const fact_file read = read_facts(text);
  EXPECT_THAT(read.faults, IsEmpty());
  ASSERT_THAT(read.facts, SizeIs(3));
  EXPECT_EQ(read.facts[0].symbol, "ask_server");
  EXPECT_EQ(read.facts[0].best_grade(), evidence_grade::guessed);
}

}  // namespace

}  // namespace whorl::facts
