// defer_to runs a function in a place, and fires with its result on the loop that asked.
//
//     T = co_await defer_to(pool, f, args...);    // in a thread of the pool
//     T = co_await defer_to(lane, f, args...);    // on the lane's thread; f is given the lane's object first
//
// f may take, in front of args (after a lane's object), a may_block&, if it waits, and a std::stop_token, if it can
// stop early. The function and its arguments are destroyed where they ran, before the result is delivered (S58).
// What crosses is checked: see transferable.h.
#pragma once
