// Keeps libtorrent from tying its listening sockets to a network card. Version 2.0.8 looks for the card by the
// address's network alone, so that of several cards in one network all addresses are tied to the first one; and a
// packet for an address may come in by another card anyway, where both answer for it. An untied socket takes it from
// each.
//
// It does so by SO_BINDTODEVICE, with no setting against it, and what is tied cannot be untied without a capability. So
// this program has a setsockopt() of its own, in front of the C library's for libtorrent too, which passes over that
// one option. Nothing else here uses it (docs/decisions/0031-sockets-of-one-card.md).
#pragma once

namespace larder::peer {

// To be called where libtorrent is used: so that the linker takes setsockopt() along. Does nothing.
void leave_sockets_untied();

}  // namespace larder::peer
