// A thread_pool is the place for code that may wait, and touches nothing that others touch.
//
//     thread_pool pool({.name = "pool", .most_threads = 4});
//     std::string text = co_await defer_to(pool, read_file, path);    // std::string read_file(may_block&, std::string)
//
// Thread:   made and destroyed on one loop's thread; defer_to may be used from any loop's thread, and results come back
//           on the loop that asked.
// Lifetime: outlives its calls. The destructor refuses new work, drops what is queued (its deferreds fail with
//           errc::shutting_down) and joins its threads; stop() before it drains in order while the loop keeps turning.
// Fails:    an exception from the function fails the deferred; errc::full when the queue is at its bound;
//           errc::shutting_down after stop().
// Cancel:   queued work is taken out and its deferred fails at once. Work that runs goes on: its std::stop_token, if it
//           takes one, says stop; the deferred fails at once and the late result is thrown away (S65).
// Cost:     one hand-over there and one back: two wake-ups of sleeping threads, some 50 us together.
#pragma once
