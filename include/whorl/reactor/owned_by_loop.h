// What a loop owns: an object that lives by itself until it has done its work, such as a transport.
//
//     T* object = loop.adopt(std::make_unique<T>(...));
//     loop.dispose(*object);                              // the work is done
//
// Thread:   the loop's.
// Lifetime: destroyed later in the turn in which it was disposed of, never inside the call or event that did so (S89,
//           S96); or, never disposed of, by the loop's destructor.
#pragma once

namespace whorl {

class owned_by_loop {
 public:
  owned_by_loop() = default;
  owned_by_loop(const owned_by_loop&) = delete;
  owned_by_loop& operator=(const owned_by_loop&) = delete;
  virtual ~owned_by_loop() = default;

  // The loop ends: at the end of every reactor::run(), after the shutdown, and before the loop's destruction. Nothing
  // that was written from here on is sent. A transport now tells its protocol connection_lost and disposes of itself
  // (S74); what can wait for the next run() does nothing.
  virtual void loop_stopping() noexcept = 0;

 private:
  friend class owned_list;
  owned_by_loop* previous_ = nullptr;
  owned_by_loop* next_ = nullptr;
  bool disposed_ = false;
};

// The objects of one loop; the reactor's part of the bargain.
//
// Cost: O(1) without allocation to adopt and to dispose of.
class owned_list {
 public:
  owned_list() = default;
  owned_list(const owned_list&) = delete;
  owned_list& operator=(const owned_list&) = delete;
  ~owned_list() { clear(); }

  void adopt(owned_by_loop& object) noexcept;
  void dispose(owned_by_loop& object) noexcept;  // a second time does nothing

  // Destroys what was disposed of, and what is disposed of meanwhile.
  void destroy_disposed() noexcept;

  // Destroys all that is left, and what is adopted meanwhile.
  void clear() noexcept;

  // Tells every object that is owned now; objects may be adopted and disposed of meanwhile.
  void tell_stopping() noexcept;

 private:
  void unlink(owned_by_loop& object) noexcept;

  owned_by_loop* first_ = nullptr;
  owned_by_loop* disposed_first_ = nullptr;
  owned_by_loop* telling_next_ = nullptr;  // whom tell_stopping() goes on with
};

}  // namespace whorl
