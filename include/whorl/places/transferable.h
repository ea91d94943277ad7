// What may cross to another thread: owned by value, moved, or shared and const. A type that may not is refused when the
// program is compiled, with one sentence that names the argument and the cure.
//
// Refused: references, raw pointers, views (string_view, span), iterators, non-const shared_ptr, std::function and
// capturing lambdas (what they carry is hidden), and everything that belongs to a loop (reactor, transport, stream, deferred,
// promise, delayed_call, port). Looks into optional, expected, variant, pair, tuple, array, vector and the other standard
// containers. A class of the user's is taken as owning what it says unless it says otherwise:
//     template <> inline constexpr bool whorl::is_transferable<my_handle> = false;
// A function: a pointer to one, or a lambda without captures; its inputs all in the argument list.
// The way out, greppable, with a reason: unchecked(f, "reason") and unchecked(value, "reason").
#pragma once
