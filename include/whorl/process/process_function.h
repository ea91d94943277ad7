// A process_function makes a function known by name, so that worker processes of this program can be asked to run it:
//
//     result<double> to_fahrenheit(unit_system& units, double celsius);
//     const process_function known("to_fahrenheit", to_fahrenheit);  // beside the function, at namespace scope
//
//     auto f = co_await defer_to(processes, to_fahrenheit, 20.0);    // defer_to_process.h
//
// The same function, unchanged, is what a pool or a lane is given. Its parameters and its result are packable
// (packing.h). In front of them it may take an object by reference, which it would be given by a lane: in a process it
// is given that process's own, made with its default constructor when it is first needed and kept until the process ends;
// then a may_block&; then a std::stop_token, which never says stop there, for a process is stopped by signals.
//
// Thread:   made before main begins, one a function.
// Lifetime: for ever.
// Fails:    a second function of one name throws misuse.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/places/may_block.h>
#include <whorl/process/packing.h>

#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace whorl {

namespace detail {

using any_function = void (*)();

struct known_function {
  std::string name;
  any_function function = nullptr;
  // In the worker: unpacks the arguments, calls, packs the result. Throws what the function throws, or fails with.
  std::string (*call)(any_function function, may_block& permission, unpacker& arguments) = nullptr;
};

void make_known(known_function function);
const known_function* find_known(std::string_view name) noexcept;
// Throws misuse for a function that is not known.
const known_function& require_known(any_function function);

// What a parameter is given in a worker: by default, what was packed.
template <class Parameter>
struct parameter_in_worker {
  using packed = std::decay_t<Parameter>;
  static_assert(packable<packed>,
                "a parameter of this function cannot be sent to another process: take a number, a text, a container of "
                "those, or a class that says its members (whorl::packed_members)");
  parameter_in_worker(may_block& /*permission*/, unpacker& from) : value(packing<packed>::unpack(from)) {}
  Parameter get() { return static_cast<Parameter>(std::move(value)); }
  packed value;
};

template <class T>
  requires(!std::is_const_v<T>)
struct parameter_in_worker<T&> {
  using packed = void;
  parameter_in_worker(may_block& /*permission*/, unpacker& /*from*/) {}
  static T& get() {
    static T of_this_process;
    return of_this_process;
  }
};

template <class T>
struct parameter_in_worker<const T&> {
  using packed = T;
  static_assert(packable<packed>,
                "a parameter of this function cannot be sent to another process: take a number, a text, a container of "
                "those, or a class that says its members (whorl::packed_members)");
  parameter_in_worker(may_block& /*permission*/, unpacker& from) : value(packing<packed>::unpack(from)) {}
  const T& get() const { return value; }
  packed value;
};

template <>
struct parameter_in_worker<may_block&> {
  using packed = void;
  parameter_in_worker(may_block& permission, unpacker& /*from*/) : permission(permission) {}
  may_block& get() const { return permission; }
  may_block& permission;
};

template <>
struct parameter_in_worker<std::stop_token> {
  using packed = void;
  parameter_in_worker(may_block& /*permission*/, unpacker& /*from*/) {}
  static std::stop_token get() { return {}; }
};

// What a function gives in the end, and how that is packed.
template <class T>
struct given {
  using type = T;
  static_assert(packable<T>,
                "the function's result cannot be sent to another process: return a number, a text, a container of "
                "those, or a class that says its members (whorl::packed_members)");
  template <class Call>
  static std::string packed(Call call) {
    std::string into;
    packing<T>::pack(into, call());
    return into;
  }
};
template <>
struct given<void> {
  using type = void;
  template <class Call>
  static std::string packed(Call call) {
    call();
    return {};
  }
};
template <class T>
struct given<result<T>> {
  using type = T;
  template <class Call>
  static std::string packed(Call call) {
    return given<T>::packed([&]() -> T {
      result<T> came = call();
      if (!came) throw error(came.error());
      if constexpr (!std::is_void_v<T>) return *std::move(came);
    });
  }
};

template <class R, class... P>
std::string call_in_worker(any_function function, may_block& permission, unpacker& arguments) {
  std::tuple<parameter_in_worker<P>...> parameters{parameter_in_worker<P>(permission, arguments)...};
  arguments.finish();
  return given<R>::packed([&]() -> R {
    return std::apply([&](auto&... each) -> R { return reinterpret_cast<R (*)(P...)>(function)(each.get()...); },
                      parameters);
  });
}

}  // namespace detail

class process_function {
 public:
  template <class R, class... P>
  process_function(std::string name, R (*function)(P...)) {
    detail::make_known({.name = std::move(name),
                        .function = reinterpret_cast<detail::any_function>(function),
                        .call = &detail::call_in_worker<R, P...>});
  }
  process_function(const process_function&) = delete;
  process_function& operator=(const process_function&) = delete;
};

// For the beginning of main of every program that has a process_pool: in a worker process it serves the pool, and never
// returns; elsewhere it does nothing.
void run_worker_if_asked();

}  // namespace whorl
