// error (clang): calling a private constructor of class 'whorl::may_block'
// error (gcc): is private within this context
#include <whorl/places/may_block.h>

void on_the_loop() { whorl::may_block permission; }
