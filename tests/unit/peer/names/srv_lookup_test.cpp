// The look-up of configured names: a name server on 127.0.0.1, and a played resolver of the system.
#include "peer/names/srv_lookup.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>

#include "tests/unit/peer/names/played_dns.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

const std::string kOfficeService = "_larder._udp.office.example";

// The resolver of the system, which threads share that outlive the test. Unknown names do not exist; those that hang
// are not answered until let_go(), and again after hold_on().
class PlayedSystem {
  struct State {
    std::mutex mutex;
    std::condition_variable freed;
    std::map<std::string, std::string> known;
    std::set<std::string> hanging, silent;
    Strings asked;
    std::size_t busy = 0, most = 0;
    bool let_go = false;
  };
  template <class Function>
  auto with(Function function) const {
    const std::lock_guard lock(state_->mutex);
    return function(*state_);
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();

 public:
  ~PlayedSystem() { let_go(); }

  [[nodiscard]] SystemNames::Resolver resolver() const {
    return [state = state_](const std::string& host) -> Result<std::vector<Endpoint>> {
      std::unique_lock lock(state->mutex);
      state->asked.push_back(host);
      state->most = std::max(state->most, ++state->busy);
      state->freed.wait(lock, [&] { return state->let_go || !state->hanging.contains(host); });
      --state->busy;
      if (state->silent.contains(host)) return fail(ErrorCode::name_not_resolved, "look up", "the servers are silent");
      const auto found = state->known.find(host);
      if (found == state->known.end()) return fail(ErrorCode::not_found, "look up", "there is no such name");
      return std::vector<Endpoint>{*parse_endpoint(found->second + ":0")};
    };
  }
  void know(const std::string& host, const std::string& address) {
    with([&](State& state) { state.known[host] = address; });
  }
  void forget(const std::string& host) {
    with([&](State& state) { state.known.erase(host); });
  }
  void hang(const std::string& host) {
    with([&](State& state) { state.hanging.insert(host); });
  }
  void silence(const std::string& host) {
    with([&](State& state) { state.silent.insert(host); });
  }
  void let_go() {
    with([&](State& state) { state.let_go = true; });
    state_->freed.notify_all();
  }
  void hold_on() {
    with([&](State& state) { state.let_go = false; });
  }
  [[nodiscard]] std::size_t busy() const {
    return with([](const State& state) { return state.busy; });
  }
  [[nodiscard]] std::size_t most() const {
    return with([](const State& state) { return state.most; });
  }
  [[nodiscard]] Strings asked() const {
    return with([](const State& state) { return state.asked; });
  }
};

class SrvLookupTest : public ::testing::Test {
 protected:
  SrvLookupSettings settings(Duration patience = seconds(20)) {
    return {.servers = dns_.place(), .resolver = system_.resolver(), .patience = patience};
  }
  bool wait_for(const std::function<bool()>& done) {
    const SteadyTime end = loop_.now() + seconds(20);
    while (!done() && loop_.now() < end) loop_.context().run_one_for(milliseconds(5));
    return done();
  }
  // Whatever is due in the loop.
  void settle() {
    while (loop_.context().run_one_for(milliseconds(50)) != 0) {
    }
  }
  ResolvedNames look_up(SrvLookup& lookup, const Strings& addresses, const std::string& srv) {
    std::optional<ResolvedNames> names;
    lookup.start(addresses, srv, [&](ResolvedNames told) { names = std::move(told); });
    EXPECT_FALSE(names) << "not within the call";
    EXPECT_TRUE(wait_for([&] { return names.has_value(); }));
    return names.value_or(ResolvedNames{});
  }
  static Strings texts(const ResolvedNames& names) {
    Strings texts;
    for (const Endpoint& one : names.endpoints) texts.push_back(one.text());
    return texts;
  }

  Loop loop_;
  PlayedDns dns_{loop_};
  PlayedSystem system_;
};

TEST_F(SrvLookupTest, AddressesInNumbersNeedNoServer) {
  SrvLookup lookup(loop_, settings());
  const Strings addresses = {"127.0.0.9:7475", "[::1]:7476", "127.0.0.9:7475"};
  const auto names = look_up(lookup, addresses, "");
  EXPECT_EQ(names.trouble, "");
  EXPECT_EQ(texts(names), (Strings{"127.0.0.9:7475", "[::1]:7476"})) << "each once";
  EXPECT_EQ(names.valid, SrvLookup::kNamesValid);
  EXPECT_EQ(endpoints_in_numbers({"desk:1", "127.0.0.9:7475", "[::1]:7476", "127.0.0.9:7475"}), names.endpoints);
  EXPECT_TRUE(dns_.asked().empty());
  EXPECT_TRUE(system_.asked().empty());
}

TEST_F(SrvLookupTest, ConfiguredNamesAreTheSystemsAndRecordsComeByPriority) {
  system_.know("desk", "192.0.2.1");
  dns_.say(kOfficeService, kDnsSrv,
           {.records = {dns_srv(2, 0, 7475, "late.example"), dns_srv(1, 1, 7475, "light.example"),
                        dns_srv(1, 9, 7475, "heavy.example"), dns_srv(1, 9, 7476, "heavy.example")},
            .ttl = 120});
  for (const auto& [host, address] :
       {std::pair("late.example", "192.0.2.4"), {"light.example", "192.0.2.3"}, {"heavy.example", "192.0.2.2"}}) {
    dns_.say(host, kDnsA, {.records = {dns_address(address)}});
    dns_.say(host, kDnsAaaa, {});
  }
  SrvLookup lookup(loop_, settings());
  const auto names = look_up(lookup, {"desk:7477", "desk:7478"}, kOfficeService);
  EXPECT_EQ(names.trouble, "");
  EXPECT_EQ(texts(names), (Strings{"192.0.2.1:7477", "192.0.2.1:7478", "192.0.2.2:7475", "192.0.2.2:7476",
                                   "192.0.2.3:7475", "192.0.2.4:7475"}));
  EXPECT_EQ(names.valid, seconds(120));
  EXPECT_EQ(system_.asked(), Strings{"desk"}) << "once, and no target of SRV records";
  EXPECT_EQ(dns_.asked("A heavy.example"), 1u);
}

TEST_F(SrvLookupTest, WhatIsNotThereHasNoEndpointsAndWhatIsSilentKeepsThem) {
  system_.know("desk", "192.0.2.1");
  system_.know("gone", "192.0.2.2");
  dns_.say_srv(kOfficeService, {{"a.example", "192.0.2.3"}, {"b.example", "192.0.2.4"}});
  SrvLookup lookup(loop_, settings());
  const Strings addresses = {"192.0.2.9:1", "desk:2", "gone:3"};
  ASSERT_EQ(look_up(lookup, addresses, kOfficeService).endpoints.size(), 5u);

  system_.silence("desk");
  system_.forget("gone");
  dns_.say("a.example", kDnsA, {.code = 2});
  dns_.say("a.example", kDnsAaaa, {.code = 2});
  dns_.say("b.example", kDnsA, {.code = 3});
  dns_.say("b.example", kDnsAaaa, {.code = 3});
  auto names = look_up(lookup, addresses, kOfficeService);
  EXPECT_EQ(texts(names), (Strings{"192.0.2.9:1", "192.0.2.1:2", "192.0.2.3:7475"}));
  for (const char* name : {"desk", "gone", "a.example", "b.example"}) {
    EXPECT_NE(names.trouble.find(name), std::string::npos) << names.trouble;
  }
  EXPECT_EQ(names.valid, SrvLookup::kLeastValid);

  dns_.say(kOfficeService, kDnsSrv,
           {.code = 2});  // no answer of the server: its hosts stay, though an address is in numbers
  names = look_up(lookup, addresses, kOfficeService);
  EXPECT_EQ(texts(names), (Strings{"192.0.2.9:1", "192.0.2.1:2", "192.0.2.3:7475"}));

  dns_.say(kOfficeService, kDnsSrv, {.code = 3});
  names = look_up(lookup, addresses, kOfficeService);
  EXPECT_EQ(texts(names), (Strings{"192.0.2.9:1", "192.0.2.1:2"}));
  EXPECT_NE(names.trouble.find(kOfficeService), std::string::npos);
}

TEST_F(SrvLookupTest, NoServiceIsSaid) {
  dns_.say(kOfficeService, kDnsSrv, {.records = {dns_srv(0, 0, 0, "")}, .ttl = 3600});
  SrvLookup lookup(loop_, settings());
  const auto names = look_up(lookup, {}, kOfficeService);
  EXPECT_TRUE(names.endpoints.empty());
  EXPECT_NE(names.trouble.find("no SRV records"), std::string::npos) << names.trouble;
  EXPECT_EQ(dns_.asked().size(), 1u) << "nothing is asked about it";
}

TEST_F(SrvLookupTest, ManyRecordsAreBounded) {
  DnsReply many{.truncated_over_udp = true};
  for (int i = 0; i < 300; ++i) {
    const std::string host = "h" + std::to_string(i) + ".example";
    many.records.push_back(dns_srv(static_cast<std::uint16_t>(1000 - i), 0, 7475, host));
    DnsReply addresses;
    for (int k = 1; k <= 8; ++k) {
      addresses.records.push_back(dns_address("10.0." + std::to_string(i % 250) + "." + std::to_string(k)));
    }
    dns_.say(host, kDnsA, addresses);
    dns_.say(host, kDnsAaaa, {});
  }
  dns_.say(kOfficeService, kDnsSrv, many);
  SrvLookup lookup(loop_, settings());
  const auto names = look_up(lookup, {"192.0.2.9:1"}, kOfficeService);
  EXPECT_EQ(names.endpoints.size(), SrvLookup::kMaxEndpoints);
  EXPECT_EQ(names.endpoints[0].text(), "192.0.2.9:1");
  EXPECT_EQ(dns_.asked("A h299.example"), 1u) << "the last record has the best priority";
  EXPECT_EQ(dns_.asked().size(), 2 + 2 * kMaxSrvRecords);
}

TEST_F(SrvLookupTest, AServerThatIsNotThereIsToldSoon) {
  SrvLookupSettings nowhere = settings(std::chrono::hours(1));
  nowhere.servers = "127.0.0.1:1";
  SrvLookup lookup(loop_, nowhere);
  const auto names = look_up(lookup, {"127.0.0.9:7475"}, kOfficeService);
  EXPECT_EQ(texts(names), Strings{"127.0.0.9:7475"});
  EXPECT_NE(names.trouble.find(kOfficeService), std::string::npos) << names.trouble;
}

TEST_F(SrvLookupTest, SilenceLastsAsLongAsItsPatience) {
  dns_.say_srv(kOfficeService, {{"a.example", "192.0.2.3"}, {"b.example", "192.0.2.4"}});
  dns_.say("b.example", kDnsA, {.silent = true});
  system_.know("desk", "192.0.2.1");
  system_.hang("slow");
  SrvLookup lookup(loop_, settings(milliseconds(1500)));
  const auto names = look_up(lookup, {"slow:1", "desk:2"}, kOfficeService);
  EXPECT_EQ(texts(names), (Strings{"192.0.2.1:2", "192.0.2.3:7475"})) << "what was found counts";
  EXPECT_NE(names.trouble.find("slow: there was no answer in time"), std::string::npos) << names.trouble;
  EXPECT_NE(names.trouble.find("b.example: there was no answer in time"), std::string::npos) << names.trouble;
  EXPECT_EQ(names.valid, SrvLookup::kLeastValid);
}

TEST_F(SrvLookupTest, AnotherStartTakesTheOldOnesPlace) {
  dns_.say(kOfficeService, kDnsSrv, {.records = {dns_srv(1, 0, 7475, "192.0.2.66")}, .held = true});
  system_.know("desk", "192.0.2.1");
  system_.hang("desk");
  SrvLookup lookup(loop_, settings());
  int old = 0;
  lookup.start({"desk:1"}, kOfficeService, [&](const ResolvedNames&) { ++old; });
  ASSERT_TRUE(wait_for([&] { return dns_.asked("SRV " + kOfficeService) == 1 && system_.busy() == 1; }));
  dns_.say_srv(kOfficeService, {{"a.example", "192.0.2.3"}});
  std::optional<ResolvedNames> names;
  lookup.start({"desk:1"}, kOfficeService, [&](ResolvedNames told) { names = std::move(told); });
  dns_.let_go();
  system_.let_go();
  ASSERT_TRUE(wait_for([&] { return names.has_value(); }));
  EXPECT_EQ(texts(*names), (Strings{"192.0.2.1:1", "192.0.2.3:7475"})) << "late answers do not count";
  settle();
  EXPECT_EQ(old, 0);
}

TEST_F(SrvLookupTest, ResolversThatHangHoldABoundedNumberOfThreads) {
  Strings addresses;
  for (std::size_t i = 0; i <= SystemNames::kAtOnce; ++i) {
    addresses.push_back("n" + std::to_string(i) + ":1");
    system_.hang("n" + std::to_string(i));
  }
  SrvLookup lookup(loop_, settings(milliseconds(200)));
  for (int i = 0; i < 3; ++i) look_up(lookup, addresses, "");
  ASSERT_TRUE(wait_for([&] { return system_.busy() == SystemNames::kAtOnce; }));
  EXPECT_EQ(system_.most(), SystemNames::kAtOnce);
  EXPECT_EQ(system_.asked().size(), SystemNames::kAtOnce);
  std::optional<ResolvedNames> names;
  lookup.start(addresses, "", [&](ResolvedNames told) { names = std::move(told); });
  system_.let_go();
  ASSERT_TRUE(wait_for([&] { return names.has_value(); }));
  EXPECT_EQ(names->trouble.find("in time"), std::string::npos) << "all were asked: " << names->trouble;
}

TEST_F(SrvLookupTest, NamesThatHangDoNotKeepTheOthersWaitingForGood) {
  Strings addresses;
  for (std::size_t i = 0; i < SystemNames::kAtOnce; ++i) {
    addresses.push_back("n" + std::to_string(i) + ":1");
    system_.hang("n" + std::to_string(i));
  }
  addresses.emplace_back("desk:1");
  SrvLookup lookup(loop_, settings(milliseconds(100)));
  look_up(lookup, addresses, "");
  ASSERT_TRUE(wait_for([&] { return system_.busy() == SystemNames::kAtOnce; }));
  system_.let_go();
  ASSERT_TRUE(wait_for([&] { return system_.busy() == 0; }));
  system_.hold_on();
  look_up(lookup, addresses, "");
  const auto asked_desk = [&] {
    const Strings asked = system_.asked();
    return std::find(asked.begin(), asked.end(), "desk") != asked.end();
  };
  EXPECT_TRUE(wait_for(asked_desk)) << "each look-up begins at another name";
}

TEST_F(SrvLookupTest, AnEndInTheMiddleWaitsForNobodyAndIsNotTold) {
  dns_.say_srv(kOfficeService, {{"a.example", "192.0.2.3"}});
  dns_.say("a.example", kDnsA, {.records = {dns_address("192.0.2.3")}, .held = true});
  system_.hang("slow");
  int told = 0;
  for (const bool by_hand : {true, false}) {
    SrvLookup lookup(loop_, settings(milliseconds(100)));
    lookup.start({"slow:1"}, kOfficeService, [&](const ResolvedNames&) { ++told; });
    ASSERT_TRUE(wait_for([&] { return dns_.asked("A a.example") == (by_hand ? 1u : 2u); }));
    if (by_hand) lookup.give_up();
    if (by_hand) settle();
  }
  dns_.let_go();
  system_.let_go();
  settle();
  EXPECT_EQ(told, 0);
}

TEST_F(SrvLookupTest, DoneMayDestroyTheLookUp) {
  dns_.say_srv(kOfficeService, {{"a.example", "192.0.2.3"}});
  system_.know("desk", "192.0.2.1");
  for (const bool srv : {true, false}) {
    auto lookup = std::make_unique<SrvLookup>(loop_, settings());
    int told = 0;
    lookup->start({srv ? "127.0.0.1:1" : "desk:1"}, srv ? kOfficeService : "", [&](const ResolvedNames&) {
      ++told;
      lookup.reset();
    });
    ASSERT_TRUE(wait_for([&] { return told > 0; }));
    settle();
    EXPECT_EQ(told, 1);
  }
}

TEST(AskSystem, KnowsThisMachine) {
  const auto here = ask_system("localhost");
  ASSERT_TRUE(here) << here.error().text();
  EXPECT_TRUE(std::all_of(here->begin(), here->end(), [](const Endpoint& one) { return one.is_loopback(); }));
}

}  // namespace
}  // namespace larder::peer
