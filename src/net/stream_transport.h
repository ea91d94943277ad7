// The transport over a back end's channel; TCP and UNIX streams alike.
//
// A connection goes through three phases, forward only:
//   open     events go to the protocol;
//   losing   lose_connection was called: the rest is sent and this side ended, what arrives is thrown away;
//   lost     the channel is gone and the reason known; the loop is about to destroy the transport, which tells
//            connection_lost.
//
// The protocol is never called from inside its own call: what a request brings about is told by the timer, by the
// channel's next event, or by the destructor.
//
// Thread:   the loop's.
// Lifetime: owned by the loop.
#pragma once

#include <whorl/deferred/failure.h>
#include <whorl/net/protocol.h>
#include <whorl/net/transport.h>
#include <whorl/reactor/backend.h>
#include <whorl/reactor/owned_by_loop.h>
#include <whorl/reactor/timers.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace whorl {

class stream_transport final : public transport, private channel_events, public owned_by_loop {
 public:
  // Gives a new connection to its protocol: connection_made, then events. The protocol stays where it is.
  // Fails: with what connection_made threw; the connection ends with it as the reason.
  static outcome<protocol*> open(reactor& loop, std::unique_ptr<channel> stream, std::unique_ptr<protocol> peer);

  stream_transport(reactor& loop, std::unique_ptr<channel> stream, std::unique_ptr<protocol> peer) noexcept;
  ~stream_transport() override;

  void write(bytes_view bytes) override;
  void write(std::string bytes) override;
  std::size_t unsent_bytes() const override;
  void set_water_marks(water_marks marks) override;
  void lose_connection(duration linger) override;
  void lose_write_connection() override;
  void abort_connection() override;
  void pause_producing() override;
  void resume_producing() override;
  address local_address() const override;
  address peer_address() const override;
  reactor& loop() const noexcept override { return loop_; }

 private:
  enum class phase : std::uint8_t { open, losing, lost };

  void bytes_received(bytes_view bytes) noexcept override;
  void receive_ended(int error_number) noexcept override;
  void bytes_sent() noexcept override;
  void send_failed(int error_number) noexcept override;
  void loop_stopping() noexcept override;

  // Runs an event of the protocol. False: it threw, and the connection has ended.
  template <class Event>
  bool guarded(Event event) noexcept;
  template <class Bytes>
  void queue(Bytes bytes);
  void tell_later();
  void tell() noexcept;
  void receive_as_wanted() noexcept;
  void end_if_both_sides_did() noexcept;
  void linger_passed() noexcept;
  void end(failure why) noexcept;
  failure lost_to(int error_number) const;
  std::string ends() const;

  reactor& loop_;
  std::unique_ptr<channel> channel_;
  std::unique_ptr<protocol> protocol_;
  delayed_call timer_;  // open: to tell what a request brought about; losing: the linger
  duration linger_{};
  std::optional<failure> reason_;  // of the loss, or why nothing can be sent any more
  water_marks marks_;
  phase phase_ = phase::open;
  bool receiving_ = false;
  bool paused_ = false;            // by pause_producing
  bool peer_ended_ = false;        // nothing more will be received
  bool writing_ended_ = false;     // nothing more will be accepted from the protocol
  bool above_mark_ = false;        // the high-water mark was reached, and the low one not since
  bool pause_told_ = false;        // writing_paused was called for it
  bool write_end_untold_ = false;  // write_connection_lost is due once everything is sent
};

}  // namespace whorl
