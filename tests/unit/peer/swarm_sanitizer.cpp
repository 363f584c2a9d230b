// What LeakSanitizer shall not report of libtorrent. Read by its run time, which names the function; nothing else
// refers to it.

// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" const char* __lsan_default_suppressions();

// libtorrent 2.0.8 never frees the names of a peer's certificate that it compared (X509_get_ext_d2i in torrent.cpp):
// about 100 bytes in a handshake. Only the allocating function is seen, since the libraries have no frame pointers.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" const char* __lsan_default_suppressions() {
  return "leak:CRYPTO_zalloc\nleak:ASN1_STRING_set\n";
}
