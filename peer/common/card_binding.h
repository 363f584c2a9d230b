// Keeps libtorrent from tying its listening sockets to a network card. Version 2.0.8 finds the card by the address's
// network alone, so that with several cards in one network all addresses are tied to the first card. A packet for an
// address may arrive by another card anyway, if both answer for it; an untied socket receives it from each.
//
// libtorrent uses SO_BINDTODEVICE and has no setting against it, and untying a socket needs a capability. So this
// program has a setsockopt() of its own, which replaces the C library's for libtorrent too and ignores that one option.
// No other code here uses the option (docs/decisions/0031-sockets-of-one-card.md).
#pragma once

namespace larder::peer {

// Does nothing. Call it where libtorrent is used, so that the linker includes setsockopt().
void leave_sockets_untied();

}  // namespace larder::peer
