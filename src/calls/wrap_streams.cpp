// The C library's streams: what they call inside of the library passes no wrapper.
#include <cstdio>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(streams)

// clang-format off
WHORL_WRAP(size_t, fread, (void* into, size_t size, size_t count, FILE* stream), (into, size, count, stream), input(stream))
WHORL_WRAP(char*, fgets, (char* into, int room, FILE* stream), (into, room, stream), input(stream))
WHORL_WRAP(int, fgetc, (FILE* stream), (stream), input(stream))
WHORL_WRAP(int, getc, (FILE* stream), (stream), input(stream))
WHORL_WRAP(int, getchar, (), (), input(stdin))
WHORL_WRAP(ssize_t, getline, (char** line, size_t* room, FILE* stream), (line, room, stream), input(stream))
WHORL_WRAP(ssize_t, getdelim, (char** line, size_t* room, int end, FILE* stream), (line, room, end, stream), input(stream))
WHORL_WRAP(size_t, fwrite, (const void* from, size_t size, size_t count, FILE* stream), (from, size, count, stream), output(stream))
WHORL_WRAP(int, fputs, (const char* text, FILE* stream), (text, stream), output(stream))
WHORL_WRAP(int, puts, (const char* text), (text), output(stdout))
WHORL_WRAP(int, fputc, (int sign, FILE* stream), (sign, stream), output(stream))
WHORL_WRAP(int, putc, (int sign, FILE* stream), (sign, stream), output(stream))
WHORL_WRAP(int, putchar, (int sign), (sign), output(stdout))
WHORL_WRAP(int, fflush, (FILE* stream), (stream), stream == nullptr ? no_wait : output(stream))
WHORL_WRAP(int, vfprintf, (FILE* stream, const char* format, va_list values), (stream, format, values), output(stream))
WHORL_WRAP(int, vfscanf, (FILE* stream, const char* format, va_list values), (stream, format, values), input(stream))

WHORL_WRAP_ALIAS(fread, size_t, fread_unlocked, (void* into, size_t size, size_t count, FILE* stream), (into, size, count, stream), input(stream))
WHORL_WRAP_ALIAS(fwrite, size_t, fwrite_unlocked, (const void* from, size_t size, size_t count, FILE* stream), (from, size, count, stream), output(stream))
WHORL_WRAP_ALIAS(fread, size_t, __fread_chk, (void* into, size_t room, size_t size, size_t count, FILE* stream), (into, room, size, count, stream), input(stream))
WHORL_WRAP_ALIAS(fgets, char*, __fgets_chk, (char* into, size_t size, int room, FILE* stream), (into, size, room, stream), input(stream))
WHORL_WRAP_ALIAS(getdelim, ssize_t, __getdelim, (char** line, size_t* room, int end, FILE* stream), (line, room, end, stream), input(stream))
// clang-format on
