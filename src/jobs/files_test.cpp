#include <whorl/jobs/csv_source.h>
#include <whorl/jobs/file_roots.h>
#include <whorl/jobs/table_file.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <numeric>

namespace whorl {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  Files() : folder_(fs::temp_directory_path() / ("whorl_files_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "in" / "deep");
    fs::create_directories(folder_ / "in_too");
    save(folder_ / "in" / "a.csv", "inside");
    save(folder_ / "in" / "deep" / "b.csv", "deep inside");
    save(folder_ / "in_too" / "c.csv", "inside too");
    save(folder_ / "secret.csv", "outside");
  }
  ~Files() override { fs::remove_all(folder_); }

  static void save(const fs::path& name, std::string_view text) { std::ofstream(name) << text; }
  static std::string load(const fs::path& name) {
    std::ifstream file(name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // What is read through the roots, or the error.
  static std::string read(const std::vector<fs::path>& roots, const fs::path& name) {
    return may_block::on_this_thread([&](may_block& wait) -> std::string {
      result<unique_fd> file = file_roots(wait, roots).open(wait, name);
      if (!file) {
        return file.error().message();
      }
      std::string text(100, '\0');
      text.resize(static_cast<std::size_t>(::read(file->get(), text.data(), text.size())));
      return text;
    });
  }

  const fs::path folder_;
};

TEST_F(Files, BelowARootAreOpened) {
  EXPECT_EQ(read({folder_ / "in"}, folder_ / "in" / "a.csv"), "inside");
  EXPECT_EQ(read({folder_ / "in"}, "deep/../deep/b.csv"), "deep inside");
  EXPECT_EQ(read({folder_ / "in", folder_ / "in_too"}, "c.csv"), "inside too");
}

TEST_F(Files, OutsideOfTheRootsAreRefused) {
  fs::create_symlink(folder_ / "secret.csv", folder_ / "in" / "link.csv");
  fs::create_directory_symlink(folder_, folder_ / "in" / "up");

  for (const fs::path& name : {folder_ / "secret.csv", fs::path("../secret.csv"), fs::path("link.csv"),
                               fs::path("up/secret.csv"), fs::path("/etc/passwd"), folder_ / "in_too" / "c.csv",
                               fs::path("../no_such_file"), fs::path("/no/such/file")}) {
    EXPECT_THAT(read({folder_ / "in"}, name), HasSubstr("lies outside")) << name;
  }
  EXPECT_THAT(read({}, folder_ / "in" / "a.csv"), HasSubstr("send the table as a text"));
}

TEST_F(Files, LinksBetweenRootsAreFollowed) {
  fs::create_symlink(folder_ / "in_too" / "c.csv", folder_ / "in" / "link.csv");

  EXPECT_EQ(read({folder_ / "in", folder_ / "in_too"}, "link.csv"), "inside too");
}

TEST_F(Files, ThatAreNotThereOrNoFilesAreRefused) {
  ::mkfifo((folder_ / "in" / "pipe").c_str(), 0600);

  EXPECT_THAT(read({folder_ / "in"}, "nothing.csv"), HasSubstr("is not there"));
  EXPECT_THAT(read({folder_ / "in"}, "deep"), HasSubstr("not a regular file"));
  EXPECT_THAT(read({folder_ / "in"}, "pipe"), HasSubstr("not a regular file"));
}

TEST_F(Files, RootsMustBeDirectories) {
  EXPECT_THROW(read({folder_ / "secret.csv"}, "x"), error);
  EXPECT_THROW(read({folder_ / "nowhere"}, "x"), error);
}

TEST_F(Files, TableAppearsWhenItIsWhole) {
  const fs::path name = folder_ / "result.csv";
  may_block::on_this_thread([&](may_block& wait) {
    table_file file = table_file::create(wait, name).value();
    ASSERT_TRUE(file.write(wait, "a,b\n"));
    EXPECT_FALSE(fs::exists(name));

    ASSERT_TRUE(file.finish(wait));
  });
  EXPECT_EQ(load(name), "a,b\n");
}

TEST_F(Files, TableThatIsGivenUpLeavesNothingBehind) {
  may_block::on_this_thread([&](may_block& wait) {
    table_file file = table_file::create(wait, folder_ / "in_too" / "result.csv").value();
    table_file moved = std::move(file);
    ASSERT_TRUE(moved.write(wait, "half"));
  });
  EXPECT_THAT(std::vector<fs::path>(fs::directory_iterator(folder_ / "in_too"), {}), testing::SizeIs(1));
}

TEST_F(Files, TableSaysWhereItCannotBeWritten) {
  may_block::on_this_thread([&](may_block& wait) {
    const result<table_file> file = table_file::create(wait, folder_ / "nowhere" / "result.csv");
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().message(), HasSubstr("nowhere/result.csv"));
  });
}

std::vector<std::string> blocks_of(csv_source source) {
  return may_block::on_this_thread([&](may_block& wait) {
    std::vector<std::string> blocks;
    for (auto block = source.next(wait); block.value(); block = source.next(wait)) {
      blocks.push_back((*block)->text);
    }
    return blocks;
  });
}

TEST_F(Files, TablesAreReadInBlocksOfWholeRows) {
  std::string text = "number\n";
  for (int number = 0; number < 100'000; ++number) {
    text += std::to_string(number) + '\n';
  }
  save(folder_ / "numbers.csv", text);
  const csv_source source = may_block::on_this_thread([&](may_block& wait) {
    return csv_source::from_file(wait, unique_fd(::open((folder_ / "numbers.csv").c_str(), O_RDONLY))).value();
  });
  EXPECT_EQ(source.size_bytes(), text.size());

  const std::vector<std::string> from_text = blocks_of(csv_source::from_text(text));

  ASSERT_GT(from_text.size(), 3);
  EXPECT_EQ(from_text.front(), "number\n");
  EXPECT_THAT(from_text, testing::Each(testing::EndsWith("\n")));
  EXPECT_EQ(std::accumulate(from_text.begin(), from_text.end(), std::string()), text);
  EXPECT_EQ(
      blocks_of(may_block::on_this_thread([&](may_block& wait) {
        return csv_source::from_file(wait, unique_fd(::open((folder_ / "numbers.csv").c_str(), O_RDONLY))).value();
      })),
      from_text);
}

}  // namespace
}  // namespace whorl
