// Maps errnos to causes for the policy, and counts what this machine or process ran out of.
#include "bal.h"

#include <errno.h>

enum cause cause_of(int error) {
  switch (error) {
  case ECONNREFUSED:
    return CAUSE_REFUSED;
  case ETIMEDOUT:
    return CAUSE_TIMEOUT;
  case ENETUNREACH:
  case EHOSTUNREACH:
  case ENETDOWN:
  case EHOSTDOWN:
    return CAUSE_UNREACHABLE;
  case ECONNRESET:
  case ECONNABORTED:
  case EPIPE:
    return CAUSE_RESET;
  default:
    return is_exhaustion(error) ? CAUSE_LOCAL : CAUSE_OTHER;
  }
}

static const int SHORT_OF[EXHAUSTION_ERRORS] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, ENOSPC, EAGAIN};

bool is_exhaustion(int error) {
  for (int i = 0; i < EXHAUSTION_ERRORS; i++) {
    if (SHORT_OF[i] == error) return true;
  }
  return false;
}

bool out_of_descriptors(int error) { return error == EMFILE || error == ENFILE; }

void exhausted(struct engine *engine, enum exhaustion_place place, int error) {
  for (int i = 0; i < EXHAUSTION_ERRORS; i++) {
    if (SHORT_OF[i] == error) engine->exhausted[place][i]++;
  }
}

const char *exhaustion_place_name(enum exhaustion_place place) {
  static const char *const names[EXHAUSTION_PLACES] = {"accept", "socket", "bind",  "connect",
                                                       "pipe",   "epoll",  "memory"};
  return names[place];
}

int exhaustion_error(int column) { return SHORT_OF[column]; }
