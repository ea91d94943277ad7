#include <whorl/places/transferable.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <forward_list>
#include <map>
#include <queue>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace whorl {
namespace {

struct settings {
  std::string path;
};
struct hidden;
struct says_no {};
class any_json {
 public:
  using value_type = any_json;
  using allocator_type = std::allocator<any_json>;
};

}  // namespace

template <>
inline constexpr bool is_transferable<says_no> = false;

namespace {

template <class... Ts>
constexpr bool all_may = (is_transferable<Ts> && ...);
template <class... Ts>
constexpr bool none_may = !(is_transferable<Ts> || ...);

TEST(Transferable, WhatIsOwnedByValueMayCross) {
  EXPECT_TRUE((all_may<void, int, const int, double, std::nullptr_t, std::string, const std::string, settings>));
  EXPECT_TRUE((all_may<std::vector<settings>, std::map<std::string, std::vector<int>>, std::array<int[2], 3>,
                       std::priority_queue<int>, std::forward_list<std::pair<int, std::string>>>));
  EXPECT_TRUE((all_may<std::filesystem::path, std::stop_token, any_json>));
}

TEST(Transferable, OwnersThatAreMovedMayCross) {
  EXPECT_TRUE((all_may<std::unique_ptr<settings>, std::unique_ptr<hidden>, std::unique_ptr<int[]>,
                       std::optional<std::unique_ptr<int>>, std::expected<void, std::string>>));
}

TEST(Transferable, WhatIsSharedMayCrossIfConst) {
  EXPECT_TRUE((all_may<std::shared_ptr<const settings>, std::shared_ptr<const int[]>>));
  EXPECT_TRUE((none_may<std::shared_ptr<settings>, std::weak_ptr<const settings>, std::vector<std::shared_ptr<int>>>));
}

TEST(Transferable, WhatRefersToSomethingElseMayNot) {
  EXPECT_TRUE((none_may<int&, int&&, const std::string&, int*, const char*, void*, std::reference_wrapper<int>>));
  EXPECT_TRUE((none_may<std::string_view, std::span<int>, std::initializer_list<int>, std::vector<int>::iterator,
                        std::map<int, int>::const_iterator>));
}

TEST(Transferable, LooksIntoWhatIsMadeOfParts) {
  EXPECT_TRUE((none_may<std::vector<std::string_view>, std::unordered_map<std::string, int*>, std::optional<int*>,
                        std::expected<int, const char*>, std::variant<int, std::span<int>>, std::tuple<int, int&>,
                        std::pair<int*, int>, std::array<int*, 2>, std::unique_ptr<int*>, std::queue<int*>,
                        std::shared_ptr<const std::string_view>, std::vector<std::vector<std::optional<int*>>>>));
}

TEST(Transferable, FunctionsMayWithoutState) {
  int captured = 1;
  [[maybe_unused]] const auto plain = [](int value) { return value; };
  [[maybe_unused]] const auto carrying = [captured](int value) { return value + captured; };
  EXPECT_TRUE((all_may<int (*)(int*), int (settings::*)(), std::remove_const_t<decltype(plain)>>));
  EXPECT_TRUE((none_may<std::remove_const_t<decltype(carrying)>, std::function<void()>, std::move_only_function<int()>,
                        decltype(std::bind(plain, 1))>));
}

TEST(Transferable, WhatBelongsToALoopMayNot) {
  EXPECT_TRUE((none_may<reactor, transport, stream, port, protocol, delayed_call, may_block, std::unique_ptr<transport>,
                        deferred<int>, promise<void>, std::vector<deferred<int>>, std::coroutine_handle<>>));
}

TEST(Transferable, AClassMaySayNoAndUncheckedOverrulesEverything) {
  EXPECT_TRUE((none_may<says_no, std::vector<says_no>, std::unique_ptr<says_no>>));
  EXPECT_TRUE((all_may<unchecked_value<says_no>, unchecked_value<int*>>));
}

}  // namespace
}  // namespace whorl
