// The sentences that users read when something may not cross to another thread, or a function cannot be called there.
// Each is a static_assert that says which argument, why, and what to do.
#pragma once

#include <whorl/places/transferable.h>

#include <utility>

namespace whorl::detail {

template <int Number, class T>
struct crosses;

// A static_assert takes a literal only, so the subject of the sentence comes from a macro.
#define WHORL_SENTENCES(subject, way_out)                                                   \
  static constexpr refusal why = refusal_of_part<T>();                                      \
  static_assert(why != refusal::reference, subject                                          \
                "it holds a reference, and both threads would use what it refers "          \
                "to: pass a value, copied or moved" way_out);                               \
  static_assert(why != refusal::pointer, subject                                            \
                "it holds a raw pointer, and nothing says who else uses what it "           \
                "points to: pass the object by value, or a unique_ptr to it, or a "         \
                "shared_ptr to const" way_out);                                             \
  static_assert(why != refusal::text_pointer, subject                                       \
                "it holds a char pointer, and the text may be gone when it is "             \
                "read: pass a std::string" way_out);                                        \
  static_assert(why != refusal::view, subject                                               \
                "it holds a view (string_view, span), and what it looks at may be gone "    \
                "when it is read: pass an owner (std::string, std::vector)" way_out);       \
  static_assert(why != refusal::iterator, subject                                           \
                "it holds an iterator into something that stays behind: pass the "          \
                "container, moved, and a position" way_out);                                \
  static_assert(why != refusal::hidden_state, subject                                       \
                "it is callable and carries what cannot be seen (a lambda with "            \
                "captures, a std::function): pass a function pointer or a "                 \
                "lambda without captures, and what it captured as arguments" way_out);      \
  static_assert(why != refusal::shared_writable, subject                                    \
                "it holds a shared_ptr (or weak_ptr) through which both "                   \
                "threads could write: make it a shared_ptr to const, or "                   \
                "move a unique_ptr" way_out);                                               \
  static_assert(why != refusal::loop_bound, subject                                         \
                "it belongs to a loop (as reactor, transport, stream, port and "            \
                "delayed_call do) and is used on that loop's thread only: pass "            \
                "what the thread needs of it, and use it when the result is back" way_out); \
  static_assert(why != refusal::thread_bound, subject                                       \
                "it belongs to the thread that built it (whorl::affinity_of says so): "     \
                "build it in a lane<T> and use it there, with "                             \
                "defer_to(lane, f, args...)" way_out);                                      \
  static_assert(why != refusal::not_there_yet, subject                                      \
                "it is a deferred or promise, which belongs to its loop: "                  \
                "co_await it on the loop, and pass its value" way_out);                     \
  static_assert(why != refusal::permission, subject                                         \
                "it is a may_block, which is good for one thread: the place gives "         \
                "the function its own, so leave it out" way_out);                           \
  static_assert(why != refusal::refused_by_its_class, subject                               \
                "it is, or holds, an object whose class says that it "                      \
                "may not (whorl::is_transferable is false for it): see "                    \
                "there what to use instead" way_out)

#define WHORL_ARGUMENT_CROSSES(number, ordinal)                                                      \
  template <class T>                                                                                 \
  struct crosses<number, T> {                                                                        \
    WHORL_SENTENCES("the " ordinal " argument after the function may not cross to another thread: ", \
                    "; where you know that it is safe: unchecked(value, \"reason\")");               \
  }

WHORL_ARGUMENT_CROSSES(1, "first");
WHORL_ARGUMENT_CROSSES(2, "second");
WHORL_ARGUMENT_CROSSES(3, "third");
WHORL_ARGUMENT_CROSSES(4, "fourth");
WHORL_ARGUMENT_CROSSES(5, "fifth");
WHORL_ARGUMENT_CROSSES(6, "sixth");

// Beyond the sixth the compiler's own note, with Number in it, has to do.
template <int Number, class T>
struct crosses {
  WHORL_SENTENCES("a later argument (see Number below) may not cross to another thread: ",
                  "; where you know that it is safe: unchecked(value, \"reason\")");
};

template <class T>
struct result_crosses {
  WHORL_SENTENCES("the function's result may not cross to another thread: ",
                  "; where you know that it is safe: unchecked(f, \"reason\")");
};

#undef WHORL_ARGUMENT_CROSSES
#undef WHORL_SENTENCES

template <class... Args>
auto explain_arguments() {
  []<int... Before>(std::integer_sequence<int, Before...>) {
    (static_cast<void>(crosses<Before + 1, Args>()), ...);
  }(std::make_integer_sequence<int, sizeof...(Args)>());
}

}  // namespace whorl::detail
