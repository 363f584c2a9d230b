// What tests of the catalogue's link share: a group, its members' links on one real loop, and sockets of strangers.
// The loop runs in the test's own thread, in pieces, until what is waited for has come.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_table.h"
#include "base/runtime/loop.h"
#include "base/text/units.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/group/certificate.h"

namespace larder::peer {

inline constexpr auto kPatience = std::chrono::seconds(20);  // until a test fails
inline constexpr auto kYear = std::chrono::hours(24 * 365);

// A socket of somebody who does not use the link: over TCP, or over TLS with or without a certificate. Driven by the
// test's loop.
class Stranger {
 public:
  struct Options {
    bool tls = false;
    std::string authority_pem;
    std::string certificate_pem;
    std::string private_key_pem;
    int highest_version = 0;  // as OpenSSL numbers them; 0: any
    const char* from = "127.0.0.1";
  };
  Stranger(boost::asio::io_context& io, const Endpoint& to, const Options& options);
  ~Stranger();
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  void send(std::string_view bytes);
  void close();

  // What has happened so far, this side's view.
  [[nodiscard]] bool shook_hands() const;
  [[nodiscard]] bool ended() const;  // by the other side, or by an error
  [[nodiscard]] const std::string& received() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

struct Member {
  AgentKey key = AgentKey::generate();
  std::unique_ptr<CatalogueLink> link;
  Endpoint at;
  std::vector<CatalogueRequest> asked;
};

class LinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    authority_pem_ = make_authority(authority_, "Office", loop_.wall(), kYear).value();
  }

  static LinkSettings settings() {
    LinkSettings out;
    out.listen = {"127.0.0.1"};
    out.port = 0;
    return out;
  }
  LinkCredentials credentials(const AgentKey& key) { return credentials(key, authority_, authority_pem_); }
  LinkCredentials credentials(const AgentKey& key, const AgentKey& authority, const std::string& authority_pem) {
    return {authority_pem, issue_leaf(authority, authority_pem, key.id(), loop_.wall(), kYear).value(),
            private_key_pem(key).value()};
  }
  Runtime runtime() { return {loop_, loop_, loop_, *random_}; }

  // A member whose handler answers with "PATH?QUERY|BODY".
  Member member(const LinkSettings& with = settings()) {
    Member out;
    start(out, credentials(out.key), with);
    return out;
  }
  void start(Member& member, const LinkCredentials& with, const LinkSettings& settings) {
    auto link = make_catalogue_link(settings, with, runtime());
    ASSERT_TRUE(link) << link.error().text();
    member.link = std::move(*link);
    member.at = parse_endpoint("127.0.0.1:" + std::to_string(member.link->port())).value();
    member.link->set_handler([](CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> answer) {
      answer({200, echo(request)});
    });
  }
  static std::vector<std::byte> echo(const CatalogueRequest& request) {
    const std::string text = request.path + "?" + request.query + "|";
    const Bytes bytes = as_bytes(text);
    std::vector<std::byte> out(bytes.begin(), bytes.end());
    out.insert(out.end(), request.body.begin(), request.body.end());
    return out;
  }

  static CatalogueCall call_to(const Member& member, std::string target = "/v1/peers") {
    CatalogueCall call;
    call.to = member.at;
    call.agent = member.key.id();
    call.target = std::move(target);
    call.timeout = kPatience;
    return call;
  }
  // The call's end; the test fails when it has none.
  Result<CatalogueResponse> ask(CatalogueLink& link, CatalogueCall call) {
    std::optional<Result<CatalogueResponse>> out;
    link.call(std::move(call), [&out](Result<CatalogueResponse> result) { out = std::move(result); });
    run_until([&out] { return out.has_value(); });
    if (!out) return fail(ErrorCode::internal, "wait for the call", "it never ended");
    return std::move(*out);
  }
  // Runs the loop until `done` holds: looked at after each thing that the loop did.
  void run_until(const std::function<bool()>& done) {
    const SteadyTime end = loop_.now() + kPatience;
    boost::asio::io_context& context = loop_.context();
    while (!done() && loop_.now() < end) context.run_one_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(done()) << "not within the time that any machine needs";
  }

  Stranger::Options tls_options() { return {true, authority_pem_, {}, {}, 0, "127.0.0.1"}; }

  Loop loop_;
  std::unique_ptr<Random> random_ = make_system_random();
  AgentKey authority_ = AgentKey::generate();
  std::string authority_pem_;
};

inline std::string text_of(const Result<CatalogueResponse>& result) {
  if (!result) return result.error().text();
  return {reinterpret_cast<const char*>(result->body.data()), result->body.size()};
}
inline std::string code_of(const Result<CatalogueResponse>& result) {
  return result ? "answered" : std::string(error_info(result.error().code).name);
}

}  // namespace larder::peer
