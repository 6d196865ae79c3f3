// The parts of the addon; each header says what a part does for the others and what it keeps in the loop. README.md
// beside this file tells the story.
//
//   addon.c      the surface towards JavaScript: makes engines; arguments.c checks, methods.c does what is asked
//   table.c      room for descriptors
//   watch.c      objects of JavaScript's that are woken; channel.c, tcp-check.c
//   tcp-check.c      whether somebody listens, for checks; tcp-check-socket.c their sockets
//   addresses.c  who a client is, for JavaScript
//   routes.c     services and targets
//   calls.c      calls from here into JavaScript
//   environment.c  the loop of a JavaScript environment: made of the parts below, and ended
//   loop.c       waits for events and hands them out, libuv being one of the members
//   accept.c     listening sockets
//   reserve.c    descriptors in reserve
//   fairness.c   clients dealt out between workers
//   scoreboard.c  what the workers see of each other
//   events.c     events of a connection's sides
//   ready.c      connections that go on without an event
//   wheel.c      connect, idle and half-closed timeouts
//   connection.c  the life of a connection: accepted, routed, open, over
//   deadline.c   when its time is over
//   first.c      first bytes that are inspected, and bytes of the policy's own
//   connect.c    one attempt to reach a backend; source.c the address that it comes from
//   relay.c      bytes from one side to the other
//   ring.c       the messages of a round sent together
//   hold.c       bytes that could not be passed on yet
//   pools.c      buffers and pipes for them
//   release.c    gives a connection up to another engine; adopt.c takes one
//   rest.c       what the kernel knows of a connection at rest
//   slots.c      where connections are kept
//   peer.c       a client's address as text; sockaddr.c addresses for system calls
//   system.c     system calls that may be missing
//   exhaustion.c  causes of failures, and counts of what this machine ran out of
#ifndef BAL_H
#define BAL_H

#include "base.h"
#include "connection.h"
#include "engine.h"
#include "loop.h"
#include "relay.h"

#endif
