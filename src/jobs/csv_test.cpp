#include <whorl/jobs/csv.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <clocale>
#include <random>

namespace whorl {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using row = std::vector<std::string>;
using table = std::vector<row>;

// Reads a table that arrives in pieces of `piece` bytes; an error becomes a last row that says it.
table read(std::string_view text, std::size_t piece = 1 << 20, csv_limits limits = csv_limits()) {
  table rows;
  std::size_t columns = 0;
  const auto add = [&](result<std::vector<csv_block>> blocks) {
    if (!blocks) {
      rows.push_back({blocks.error().message()});
      return false;
    }
    for (csv_block& block : *blocks) {
      csv_rows reader(std::move(block), columns, limits);
      result<bool> more = false;
      while ((more = reader.next()) && *more) {
        rows.emplace_back(reader.cells().begin(), reader.cells().end());
      }
      if (!more) {
        rows.push_back({more.error().message()});
        return false;
      }
      columns = rows.empty() ? 0 : rows.front().size();
    }
    return true;
  };
  csv_splitter splitter(limits);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (!add(splitter.feed(text.substr(at, piece)))) {
      return rows;
    }
  }
  add(splitter.finish());
  return rows;
}

TEST(Csv, ReadsQuotesLineEndsAndCommasInCells) {
  EXPECT_THAT(read("a,b,c\n\"1,5\",\"say \"\"yes\"\"\",\"two\nlines\"\n,\"\",x\n"),
              ElementsAre(row{"a", "b", "c"}, row{"1,5", "say \"yes\"", "two\nlines"}, row{"", "", "x"}));
}

TEST(Csv, ReadsBothLineEndsAndDoesWithoutTheLast) {
  const table expected = {{"a", "b"}, {"1", "2"}, {"3", "\r\n"}};

  EXPECT_EQ(read("a,b\r\n1,2\r\n3,\"\r\n\"\r\n"), expected);
  EXPECT_EQ(read("a,b\n1,2\n3,\"\r\n\""), expected);
  EXPECT_EQ(read("a,b\n1,2\n3,\"\r\n\"\r"), expected);
}

TEST(Csv, SkipsAByteOrderMark) {
  EXPECT_THAT(read("\xEF\xBB\xBF"
                   "a,b\n1,2\n"),
              ElementsAre(row{"a", "b"}, row{"1", "2"}));
  EXPECT_THAT(read("\xEF\xBB\xBF"
                   "a\n",
                   1),
              ElementsAre(row{"a"}));
  EXPECT_THAT(read("\xEF\xBB"), ElementsAre(row{"\xEF\xBB"}));
}

TEST(Csv, ReadsTheSameWhereverTheInputIsCut) {
  const std::string text =
      "\xEF\xBB\xBF"
      "a,\"b\nb\"\r\n\"\"\"q\"\"\",2\r\n\n3,\"4\r\n5\"\r\n6,7";
  const table whole = read(text);
  ASSERT_EQ(whole.size(), 4);

  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    EXPECT_EQ(read(text, piece), whole) << piece << " bytes at once";
  }
}

TEST(Csv, KeepsEmptyCellsAndSkipsEmptyLines) {
  EXPECT_THAT(read("a,b\n,\n\n1,\n"), ElementsAre(row{"a", "b"}, row{"", ""}, row{"1", ""}));
  EXPECT_THAT(read("a\n1\n\n3\n"), ElementsAre(row{"a"}, row{"1"}, row{""}, row{"3"}));
}

TEST(Csv, SaysWhereItIsMalformed) {
  EXPECT_THAT(read("a,b\n\n1,2\n3,x\"y\n").back().front(), HasSubstr("row 4, column 2: a quote stands inside"));
  EXPECT_THAT(read("a,b\n\"1\"2,3\n").back().front(), HasSubstr("row 2, column 1: something follows"));
  EXPECT_THAT(read("a,b\n1,\"2\n").back().front(), HasSubstr("row 2, column 2: a quote is opened and never closed"));
  EXPECT_THAT(read("a,b\n1,2,3\n").back().front(), HasSubstr("row 2 has 3 cells, but the header has 2"));
}

TEST(Csv, BoundsRowsAndColumns) {
  const csv_limits limits{.longest_row_bytes = 10, .most_columns = 3};

  EXPECT_THAT(read("a\n" + std::string(9, 'x') + "\n", 4, limits), testing::SizeIs(2));
  EXPECT_THAT(read("a\n" + std::string(10, 'x') + "\n", 100, limits).back().front(),
              HasSubstr("row 2 is longer than 10"));
  EXPECT_THAT(read("a\n1\n\"" + std::string(10, 'x'), 4, limits).back().front(), HasSubstr("row 3 is longer than 10"));
  EXPECT_THAT(read("a,b,c,d\n", 100, limits).back().front(), HasSubstr("more than 3 columns"));
}

TEST(Csv, CountsRowsAndBytesOfEachBlock) {
  csv_splitter splitter;
  std::vector<csv_block> blocks = splitter
                                      .feed(
                                          "\xEF\xBB\xBF"
                                          "a\n1\n2\n3")
                                      .value();
  const std::vector<csv_block> last = splitter.finish().value();
  blocks.insert(blocks.end(), last.begin(), last.end());

  ASSERT_EQ(blocks.size(), 3);
  EXPECT_EQ(blocks[0].first_row, 1);
  EXPECT_EQ(blocks[0].bytes_of_input, 5);
  EXPECT_EQ(blocks[1].first_row, 2);
  EXPECT_EQ(blocks[1].bytes_of_input, 4);
  EXPECT_EQ(blocks[2].first_row, 4);
  EXPECT_EQ(blocks[2].bytes_of_input, 1);
}

TEST(Csv, FindsColumnsByName) {
  const csv_header header = csv_header::read({.text = "date,wind,wind,rain\n"}).value();

  EXPECT_EQ(header.find("rain").value(), 3);
  EXPECT_THAT(header.find("snow").error().message(), AllOf(HasSubstr("no column \"snow\""), HasSubstr("date, wind")));
  EXPECT_THAT(header.find("wind").error().message(), HasSubstr("several columns"));
  EXPECT_THAT(csv_header::read({.text = "\n"}).error().message(), HasSubstr("empty line"));
}

TEST(Csv, WritesWhatItReadsBack) {
  const table rows = {{"plain", "com,ma", "quo\"te"}, {"line\nend", "", "\r"}, {"", "", ""}, {" a ", "'", "ä"}};
  csv_writer writer;
  for (const row& cells : rows) {
    for (const std::string& cell : cells) {
      writer.cell(cell);
    }
    writer.end_row();
  }
  EXPECT_EQ(read(writer.text()), rows);
}

TEST(Csv, WritesALoneEmptyCellSoThatItIsReadBack) {
  csv_writer writer;
  for (const std::string_view cell : {"a", "", "b"}) {
    writer.cell(cell);
    writer.end_row();
  }
  EXPECT_EQ(writer.take(), "a\n\"\"\nb\n");
}

TEST(Csv, NumbersKeepEveryBitWhateverTheLocale) {
  std::setlocale(LC_ALL, "de_DE.UTF-8");
  std::mt19937_64 random(1);
  for (int round = 0; round < 10'000; ++round) {
    const auto number = std::bit_cast<double>(random());
    if (std::isfinite(number)) {
      csv_writer writer;
      writer.number(number);
      EXPECT_EQ(parse_number(writer.text(), {1, "x"}).value(), number) << writer.text();
    }
  }
  std::setlocale(LC_ALL, "C");
}

TEST(Csv, ReadsNumbersStrictly) {
  const auto number = [](std::string_view cell) { return parse_number(cell, {12, "temp_max"}); };

  EXPECT_EQ(number("12.8").value(), 12.8);
  EXPECT_EQ(number(" +1e3\t").value(), 1000);
  EXPECT_EQ(number("-.5").value(), -0.5);
  EXPECT_EQ(number("").value(), std::nullopt);
  EXPECT_EQ(number("  ").value(), std::nullopt);
  for (const std::string_view cell : {"abc", "1,5", "1 2", "1.2.3", "0x10", "nan", "inf", "-", "+-1", "12C"}) {
    ASSERT_FALSE(number(cell)) << cell;
    EXPECT_THAT(number(cell).error().message(),
                HasSubstr("row 12, column \"temp_max\": \"" + std::string(cell) + "\" is not a number"));
  }
  EXPECT_THAT(number("1e999").error().message(), HasSubstr("too large"));
}

}  // namespace
}  // namespace whorl
