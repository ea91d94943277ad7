// Writes HTTP/1.1 messages into a string: heads, and the chunks of bodies whose length is not known ahead.
//
// Thread: any.
// Source: RFC 9112, 4 and 7.1; RFC 9110, 5.6.7 (dates).
#pragma once

#include <whorl/protocols/http_headers.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace whorl::http {

// "Not Found" for 404; "Unknown" for a status without a name.
std::string_view reason_phrase(int status) noexcept;

// "Sun, 06 Nov 1994 08:49:37 GMT". The view is good until this thread's next call.
// Cost: formatted once a second and thread.
std::string_view date(std::chrono::system_clock::time_point now);

// Whether a response with this status may have a body at all (RFC 9110, 6.4.1).
constexpr bool may_have_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

// "HTTP/1.1 200 OK", the date, the fields and the empty line. The fields say how long the body is.
void append_response_head(std::string& out, int status, const headers& fields);

// "GET /jobs HTTP/1.1", the fields and the empty line.
// Throws misuse if the method is no token or the target holds a blank or a control character.
void append_request_head(std::string& out, std::string_view method, std::string_view target, const headers& fields);

// One chunk of a chunked body; an empty one would end the body and is left out.
void append_chunk(std::string& out, std::string_view data);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace whorl::http
