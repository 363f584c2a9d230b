# Everything comes from Debian 12 packages (tools/packages.txt). Third-party headers are SYSTEM: their warnings are not ours.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(GTest REQUIRED)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares>=1.18)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
# Its header alone: the library is loaded when a name needs it (origin/url/host_name.h).
pkg_check_modules(idn2 REQUIRED libidn2)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
# By pkg-config alone: its definitions are part of the library's ABI, and the CMake package adds one that is not.
pkg_check_modules(libtorrent REQUIRED libtorrent-rasterbar)
find_library(SQLITECPP_LIBRARY SQLiteCpp REQUIRED)

add_library(larder_sqlitecpp INTERFACE)
target_link_libraries(larder_sqlitecpp INTERFACE ${SQLITECPP_LIBRARY} PkgConfig::sqlite3)

# Asio over a single-threaded io_context; header-only Boost.System.
add_library(larder_asio INTERFACE)
target_link_libraries(larder_asio INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(larder_asio INTERFACE BOOST_ERROR_CODE_HEADER_ONLY BOOST_ASIO_NO_DEPRECATED
                                                 BOOST_ASIO_DISABLE_VISIBILITY)
