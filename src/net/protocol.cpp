#include <whorl/net/protocol.h>

#include <whorl/net/transport.h>

namespace whorl {

void protocol::read_connection_lost() { transport_->lose_connection(); }

void protocol::connection_lost(const failure& /*reason*/) {}

}  // namespace whorl
