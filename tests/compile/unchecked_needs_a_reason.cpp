// error: unchecked needs a reason: why is it safe to use this in another thread?
#include <whorl/places/transferable.h>

int* pointer(int* to) { return whorl::unchecked(to, "").value; }
