// Functions that wait for name services.
#include <netdb.h>
#include <resolv.h>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(names)

namespace {

bool numbers_only(const addrinfo* hints) noexcept {
  return hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0;
}

}  // namespace

// clang-format off
WHORL_WRAP(int, getaddrinfo, (const char* node, const char* service, const addrinfo* hints, addrinfo** found), (node, service, hints, found),
           numbers_only(hints) ? no_wait : name_of_host(node))
WHORL_WRAP(int, getnameinfo, (const sockaddr* address, socklen_t length, char* host, socklen_t host_room, char* service, socklen_t service_room, int flags), (address, length, host, host_room, service, service_room, flags),
           waits_if(host != nullptr && (flags & NI_NUMERICHOST) == 0, blocking_class::resolver))
WHORL_WRAP(hostent*, gethostbyname, (const char* name), (name), name_of_host(name))
WHORL_WRAP(hostent*, gethostbyname2, (const char* name, int family), (name, family), name_of_host(name))
WHORL_WRAP(int, gethostbyname_r, (const char* name, hostent* into, char* room, size_t bytes, hostent** found, int* failed), (name, into, room, bytes, found, failed), name_of_host(name))
WHORL_WRAP(int, gethostbyname2_r, (const char* name, int family, hostent* into, char* room, size_t bytes, hostent** found, int* failed), (name, family, into, room, bytes, found, failed), name_of_host(name))
WHORL_WRAP(hostent*, gethostbyaddr, (const void* address, socklen_t length, int family), (address, length, family), waits(blocking_class::resolver))
WHORL_WRAP(int, gethostbyaddr_r, (const void* address, socklen_t length, int family, hostent* into, char* room, size_t bytes, hostent** found, int* failed), (address, length, family, into, room, bytes, found, failed), waits(blocking_class::resolver))
WHORL_WRAP(int, res_query, (const char* name, int of_class, int type, unsigned char* into, int room), (name, of_class, type, into, room), waits(blocking_class::resolver))
WHORL_WRAP(int, res_search, (const char* name, int of_class, int type, unsigned char* into, int room), (name, of_class, type, into, room), waits(blocking_class::resolver))
// clang-format on
