// A lane<T> is the place for code that is not thread-safe: a T that is built, used and destroyed on one thread, one
// call at a time, in order.
//
//     lane<unit_system> units({.name = "units"}, path);                 // unit_system(path) is built on the lane's thread
//     double f = co_await defer_to(units, convert, 20.0, from, to);     // double convert(unit_system&, double, ...)
//
// Thread, Fails, Cancel: as thread_pool. If building the T throws, every call fails with that exception.
// Lifetime: outlives its calls. The T dies on its thread.
#pragma once
