// Packing turns a value into bytes for another process of the same program, and back: numbers, enumerations, texts,
// paths, durations, and what is made of them (vector, array, map, optional, pair, tuple). A class is packed if it says
// what it consists of:
//
//     template <>
//     inline constexpr auto whorl::packed_members<point> = std::tuple(&point::x, &point::y);
//
// For one that has to be built otherwise, specialise whorl::packing.
//
// Thread: any.
// Fails:  unpacking bytes that are no such value throws error (errc::bad_input), whatever they are.
#pragma once

#include <whorl/deferred/error.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace whorl {

class unpacker {
 public:
  explicit unpacker(std::string_view packed) noexcept : left_(packed) {}  // the bytes stay the caller's
  explicit unpacker(std::string&& packed) = delete;

  std::string_view take(std::size_t bytes);
  // How many elements follow. Each takes a byte or more, so there are no more of them than bytes.
  std::size_t take_count();
  // There must be nothing more.
  void finish() const;

 private:
  std::string_view left_;
};

template <class T>
inline constexpr auto packed_members = nullptr;

template <class T>
struct packing;

template <class T>
concept packable = requires(std::string& into, const T& value, unpacker& from) {
  packing<T>::pack(into, value);
  { packing<T>::unpack(from) } -> std::same_as<T>;
};

namespace detail {

inline void pack_bytes(std::string& into, const void* from, std::size_t bytes) {
  into.append(static_cast<const char*>(from), bytes);
}

inline void pack_count(std::string& into, std::uint64_t count) { pack_bytes(into, &count, sizeof count); }

template <class T>
concept packed_as_bytes = (std::is_arithmetic_v<T> || std::is_enum_v<T>) && !std::same_as<T, bool>;

template <class T>
concept says_its_members = !std::same_as<std::remove_cvref_t<decltype(packed_members<T>)>, std::nullptr_t>;

// Braces keep the order of the parts.
template <class... Parts>
struct packed_parts {
  static void pack(std::string& into, const Parts&... parts) { (packing<Parts>::pack(into, parts), ...); }
  template <class Whole>
  static Whole unpack(unpacker& from) {
    return Whole{packing<Parts>::unpack(from)...};
  }
};

}  // namespace detail

template <detail::packed_as_bytes T>
struct packing<T> {
  static void pack(std::string& into, const T& value) { detail::pack_bytes(into, &value, sizeof value); }
  static T unpack(unpacker& from) {
    T value;
    std::memcpy(&value, from.take(sizeof value).data(), sizeof value);
    return value;
  }
};

template <>
struct packing<bool> {
  static void pack(std::string& into, bool value) { into.push_back(value ? '\1' : '\0'); }
  static bool unpack(unpacker& from) { return from.take(1).front() != '\0'; }
};

template <>
struct packing<std::string> {
  static void pack(std::string& into, const std::string& value) {
    detail::pack_count(into, value.size());
    into.append(value);
  }
  static std::string unpack(unpacker& from) {
    const std::size_t size = from.take_count();
    return std::string(from.take(size));
  }
};

template <>
struct packing<std::filesystem::path> {
  static void pack(std::string& into, const std::filesystem::path& value) {
    packing<std::string>::pack(into, value.native());
  }
  static std::filesystem::path unpack(unpacker& from) { return packing<std::string>::unpack(from); }
};

template <class Count, class Period>
struct packing<std::chrono::duration<Count, Period>> {
  using duration = std::chrono::duration<Count, Period>;
  static void pack(std::string& into, const duration& value) { packing<Count>::pack(into, value.count()); }
  static duration unpack(unpacker& from) { return duration(packing<Count>::unpack(from)); }
};

template <packable T>
struct packing<std::vector<T>> {
  static void pack(std::string& into, const std::vector<T>& values) {
    detail::pack_count(into, values.size());
    if constexpr (detail::packed_as_bytes<T>) {
      detail::pack_bytes(into, values.data(), values.size() * sizeof(T));
    } else {
      for (const T& value : values) packing<T>::pack(into, value);
    }
  }
  static std::vector<T> unpack(unpacker& from) {
    const std::size_t count = from.take_count();
    std::vector<T> values;
    if constexpr (detail::packed_as_bytes<T>) {
      const std::string_view bytes = from.take(count * sizeof(T));
      values.resize(count);
      if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    } else {
      for (std::size_t i = 0; i < count; ++i) values.push_back(packing<T>::unpack(from));
    }
    return values;
  }
};

template <packable T>
struct packing<std::optional<T>> {
  static void pack(std::string& into, const std::optional<T>& value) {
    packing<bool>::pack(into, value.has_value());
    if (value) packing<T>::pack(into, *value);
  }
  static std::optional<T> unpack(unpacker& from) {
    if (!packing<bool>::unpack(from)) return std::nullopt;
    return packing<T>::unpack(from);
  }
};

template <packable Key, packable T>
struct packing<std::map<Key, T>> {
  static void pack(std::string& into, const std::map<Key, T>& values) {
    detail::pack_count(into, values.size());
    for (const auto& [key, value] : values) detail::packed_parts<Key, T>::pack(into, key, value);
  }
  static std::map<Key, T> unpack(unpacker& from) {
    std::map<Key, T> values;
    for (std::size_t left = from.take_count(); left > 0; --left) {
      values.insert(detail::packed_parts<Key, T>::template unpack<std::pair<Key, T>>(from));
    }
    return values;
  }
};

template <packable T, std::size_t Size>
struct packing<std::array<T, Size>> {
  static void pack(std::string& into, const std::array<T, Size>& values) {
    for (const T& value : values) packing<T>::pack(into, value);
  }
  static std::array<T, Size> unpack(unpacker& from) {
    return [&]<std::size_t... Each>(std::index_sequence<Each...>) {
      return std::array<T, Size>{(static_cast<void>(Each), packing<T>::unpack(from))...};
    }(std::make_index_sequence<Size>());
  }
};

template <packable First, packable Second>
struct packing<std::pair<First, Second>> {
  static void pack(std::string& into, const std::pair<First, Second>& value) {
    detail::packed_parts<First, Second>::pack(into, value.first, value.second);
  }
  static std::pair<First, Second> unpack(unpacker& from) {
    return detail::packed_parts<First, Second>::template unpack<std::pair<First, Second>>(from);
  }
};

template <packable... Parts>
struct packing<std::tuple<Parts...>> {
  static void pack(std::string& into, const std::tuple<Parts...>& value) {
    std::apply([&](const Parts&... parts) { detail::packed_parts<Parts...>::pack(into, parts...); }, value);
  }
  static std::tuple<Parts...> unpack(unpacker& from) {
    return detail::packed_parts<Parts...>::template unpack<std::tuple<Parts...>>(from);
  }
};

template <detail::says_its_members T>
struct packing<T> {
  static void pack(std::string& into, const T& value) {
    std::apply([&](auto... member) { (pack_one(into, value.*member), ...); }, packed_members<T>);
  }
  static T unpack(unpacker& from) {
    T value{};
    std::apply([&](auto... member) { (unpack_one(from, value.*member), ...); }, packed_members<T>);
    return value;
  }

 private:
  template <class Member>
  static void pack_one(std::string& into, const Member& member) {
    packing<Member>::pack(into, member);
  }
  template <class Member>
  static void unpack_one(unpacker& from, Member& member) {
    member = packing<Member>::unpack(from);
  }
};

}  // namespace whorl
