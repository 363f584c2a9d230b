#include "tests/unit/peer/names/played_dns.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace larder::peer {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;

void put(DnsBytes& out, std::uint32_t value, int bytes) {
  while (bytes-- > 0) out.push_back(static_cast<std::byte>(value >> (8 * bytes)));
}
void put(DnsBytes& out, const DnsBytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}

std::string type_name(std::uint16_t type) {
  return type == kDnsSrv ? "SRV" : type == kDnsA ? "A" : type == kDnsAaaa ? "AAAA" : std::to_string(type);
}

}  // namespace

DnsBytes dns_name(std::string_view name) {
  DnsBytes out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    put(out, static_cast<std::uint32_t>(label.size()), 1);
    for (const char c : label) out.push_back(static_cast<std::byte>(c));
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  put(out, 0, 1);
  return out;
}

DnsBytes dns_srv(std::uint16_t priority, std::uint16_t weight, std::uint16_t port, std::string_view target) {
  DnsBytes out;
  for (const std::uint16_t number : {priority, weight, port}) put(out, number, 2);
  put(out, dns_name(target));
  return out;
}

DnsBytes dns_address(const std::string& numbers) {
  const auto address = asio::ip::make_address(numbers);
  DnsBytes out;
  if (address.is_v4()) {
    for (const unsigned char byte : address.to_v4().to_bytes()) out.push_back(std::byte{byte});
  } else {
    for (const unsigned char byte : address.to_v6().to_bytes()) out.push_back(std::byte{byte});
  }
  return out;
}

struct PlayedDns::Sockets {
  explicit Sockets(asio::io_context& in) : context(in), datagrams(in), acceptor(in) {
    // A port that is free for both.
    for (int i = 0; i < 16; ++i) {
      datagrams = udp::socket(in, udp::endpoint(asio::ip::address_v4::loopback(), 0));
      boost::system::error_code taken;
      acceptor = tcp::acceptor(in, tcp::v4());
      acceptor.bind({asio::ip::address_v4::loopback(), datagrams.local_endpoint().port()}, taken);
      if (!taken) break;
    }
    acceptor.listen();
  }
  asio::io_context& context;
  udp::socket datagrams;
  tcp::acceptor acceptor;
  udp::endpoint from;
  std::array<std::byte, 512> buffer{};
};

struct PlayedDns::Connection {
  explicit Connection(tcp::socket accepted) : socket(std::move(accepted)) {}
  tcp::socket socket;
  std::array<unsigned char, 2> length{};
  DnsBytes question, answer;
};

PlayedDns::PlayedDns(Loop& loop) : sockets_(std::make_unique<Sockets>(loop.context())) {
  receive();
  accept();
}
PlayedDns::~PlayedDns() = default;

std::string PlayedDns::place() const {
  return "127.0.0.1:" + std::to_string(sockets_->datagrams.local_endpoint().port());
}

void PlayedDns::say(const std::string& name, std::uint16_t type, DnsReply reply) {
  replies_[{name, type}] = std::move(reply);
}

void PlayedDns::say_srv(const std::string& name, const std::vector<std::pair<std::string, std::string>>& targets) {
  DnsReply srv;
  for (const auto& [target, address] : targets) {
    srv.records.push_back(dns_srv(1, 1, 7475, target));
    say(target, kDnsA, {.records = {dns_address(address)}});
    say(target, kDnsAaaa, {});
  }
  say(name, kDnsSrv, std::move(srv));
}

void PlayedDns::let_go() {
  for (const auto& send : std::exchange(held_, {})) send();
}

std::size_t PlayedDns::asked(const std::string& question) const {
  return static_cast<std::size_t>(std::count(asked_.begin(), asked_.end(), question));
}

void PlayedDns::receive() {
  sockets_->datagrams.async_receive_from(
      asio::buffer(sockets_->buffer), sockets_->from, [this](const boost::system::error_code& error, std::size_t size) {
        if (error) return;
        const auto begin = sockets_->buffer.begin();
        const DnsBytes question(begin, begin + static_cast<std::ptrdiff_t>(size));
        answer(question, false, [this, to = sockets_->from](const DnsBytes& bytes) {
          boost::system::error_code gone;  // whoever asked may have closed its socket
          sockets_->datagrams.send_to(asio::buffer(bytes), to, 0, gone);
        });
        receive();
      });
}

void PlayedDns::accept() {
  sockets_->acceptor.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    if (error) return;
    read(std::make_shared<Connection>(std::move(socket)));
    accept();
  });
}

void PlayedDns::read(const std::shared_ptr<Connection>& connection) {
  asio::async_read(
      connection->socket, asio::buffer(connection->length),
      [this, connection](const boost::system::error_code& error, std::size_t) {
        if (error) return;
        connection->question.resize(static_cast<std::size_t>(connection->length[0] << 8 | connection->length[1]));
        asio::async_read(connection->socket, asio::buffer(connection->question),
                         [this, connection](const boost::system::error_code& cut, std::size_t) {
                           if (cut) return;
                           answer(connection->question, true, [connection](const DnsBytes& bytes) {
                             connection->answer.clear();
                             put(connection->answer, static_cast<std::uint32_t>(bytes.size()), 2);
                             put(connection->answer, bytes);
                             asio::async_write(connection->socket, asio::buffer(connection->answer),
                                               [connection](const boost::system::error_code&, std::size_t) {});
                           });
                           read(connection);
                         });
      });
}

void PlayedDns::answer(const DnsBytes& question, bool tcp, std::function<void(DnsBytes)> send) {
  constexpr std::size_t kHeader = 12;
  std::string name;
  std::size_t at = kHeader;
  for (; at < question.size() && question[at] != std::byte{0}; at += 1 + std::to_integer<std::size_t>(question[at])) {
    if (!name.empty()) name += '.';
    for (std::size_t i = 1; i <= std::to_integer<std::size_t>(question[at]); ++i) {
      name += static_cast<char>(question[at + i]);
    }
  }
  const auto type = static_cast<std::uint16_t>(std::to_integer<unsigned>(question[at + 1]) << 8 |
                                               std::to_integer<unsigned>(question[at + 2]));
  asked_.push_back(type_name(type) + " " + name + (tcp ? " tcp" : ""));
  const auto found = replies_.find({name, type});
  const DnsReply reply = found != replies_.end() ? found->second : DnsReply{.code = 3};
  const bool cut = reply.truncated_over_udp && !tcp;
  if (reply.silent && !cut) return;
  DnsBytes bytes(question.begin(), question.begin() + 2);
  put(bytes, 0x8180U | (cut ? 0x0200U : 0U) | reply.code, 2);
  put(bytes, 1, 2);
  put(bytes, cut ? 0 : static_cast<std::uint32_t>(reply.records.size()), 2);
  put(bytes, 0, 4);
  bytes.insert(bytes.end(), question.begin() + kHeader, question.begin() + static_cast<std::ptrdiff_t>(at) + 5);
  for (const DnsBytes& record : cut ? std::vector<DnsBytes>() : reply.records) {
    put(bytes, 0xc000U | kHeader, 2);  // the name of the question
    put(bytes, type, 2);
    put(bytes, 1, 2);
    put(bytes, reply.ttl, 4);
    put(bytes, static_cast<std::uint32_t>(record.size()), 2);
    put(bytes, record);
  }
  if (reply.spoilt) bytes = reply.spoilt(std::move(bytes));
  if (reply.held && !cut) {
    held_.push_back([send = std::move(send), bytes = std::move(bytes)] { send(bytes); });
  } else {
    send(std::move(bytes));
  }
}

}  // namespace larder::peer
