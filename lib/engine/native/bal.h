// The parts of the addon. Each header says what its part offers to the others and what state it keeps in the loop. See
// README.md in this folder for the design.
//
//   addon.c      the JavaScript interface: creates engines; arguments.c checks arguments, methods.c has the methods
//   table.c      makes room for descriptors
//   watch.c      JavaScript objects that wait for a descriptor; channel.c and tcp-check.c use it
//   tcp-check.c  TCP health checks; tcp-check-socket.c has their sockets
//   addresses.c  client addresses for JavaScript
//   routes.c     services and targets
//   calls.c      calls into JavaScript
//   environment.c  the loop of a JavaScript environment: assembles the parts below and shuts them down
//   loop.c       waits for events and dispatches them; libuv is one member of its epoll set
//   accept.c     listening sockets
//   reserve.c    reserve descriptors
//   fairness.c   balances clients between workers
//   scoreboard.c  what the workers see of each other
//   events.c     events of a connection's sides
//   ready.c      connections that continue without an event
//   wheel.c      connect, idle and half-closed timeouts
//   connection.c  the life of a connection: accepted, routed, open, over
//   deadline.c   when a connection times out
//   first.c      inspects first bytes and sends the policy's preamble
//   connect.c    one attempt to reach a backend; source.c chooses its source address
//   relay.c      moves bytes from one side to the other
//   ring.c       sends the messages of a round together
//   hold.c       holds bytes that could not be written yet
//   pools.c      pools of buffers and pipes for them
//   release.c    releases a connection to another engine; adopt.c takes one over
//   rest.c       what the kernel knows about a quiet connection
//   slots.c      storage for connections
//   peer.c       client addresses as text; sockaddr.c has addresses for system calls
//   system.c     system calls that may be missing
//   exhaustion.c  causes of failures, and counts of exhausted resources
#ifndef BAL_H
#define BAL_H

#include "base.h"
#include "connection.h"
#include "engine.h"
#include "loop.h"
#include "relay.h"

#endif
