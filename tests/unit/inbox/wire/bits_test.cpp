#include "inbox/wire/bits.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

using test::refusal;
using test::upload_in;
using test::value_of;

std::string packet(const std::string& type, const std::string& fields, std::uint64_t length = 0) {
  return "BITS_POST /in/box/order-7/f.bin HTTP/1.1\nBITS-Packet-Type: " + type + "\n" + fields +
         "Content-Length: " + std::to_string(length) + "\n";
}
const std::string kProtocols = "BITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\n";
const std::string kSession = "BITS-Session-Id: {aaaabbbbccccddddeeeeffffgg}\n";
const std::string kCreate = packet("Create-Session", kProtocols);
const std::string kPing = packet("Ping", "");
const std::string kFragment = packet("Fragment", kSession + "Content-Range: bytes 4-9/10\n", 6);
const std::string kClose = packet("Close-Session", kSession);
const std::string kCancel = packet("Cancel-Session", kSession);

http::Response answered(const std::string& text, const Outcome<UploadStatus>& outcome,
                        const WireSettings& settings = {}) {
  http::Response response = answer(test::request_of(text, settings), outcome, settings);
  EXPECT_EQ(value_of(response, "BITS-Packet-Type"), "Ack");
  EXPECT_EQ(response.body, "");
  return response;
}
// "200 next 4", "500 0x8020001F 0x5 next 0"
std::string brief(const http::Response& response) {
  std::string text = std::to_string(response.status);
  for (const char* const name : {"BITS-Error-Code", "BITS-Error-Context"})
    if (value_of(response, name) != "-") text += " " + value_of(response, name);
  const std::string next = value_of(response, "BITS-Received-Content-Range");
  return next == "-" ? text : text + " next " + next;
}

// Every packet in every column, and the answers as they go out.
struct Cell {
  BitsPacket packet;
  BitsColumn column;
  BitsReply reply;
  const char* answer;
};
using P = BitsPacket;
using C = BitsColumn;
using R = BitsReply;
const std::vector<Cell> kCells = {
    {P::create, C::receiving, R::session, "200"},
    {P::create, C::handing_over, R::hold, "503 0x7"},
    {P::create, C::accepted, R::exists, "403 0x80070005 0x5"},
    {P::create, C::rejected, R::exists, "403 0x80070005 0x5"},
    {P::create, C::unknown, R::session, "200"},
    {P::ping, C::receiving, R::ok, "200"},
    {P::ping, C::handing_over, R::ok, "200"},
    {P::ping, C::accepted, R::ok, "200"},
    {P::ping, C::rejected, R::ok, "200"},
    {P::ping, C::unknown, R::ok, "200"},
    {P::fragment, C::receiving, R::part, "200 next 4"},
    {P::fragment, C::handing_over, R::hold, "503 0x7 next 10"},
    {P::fragment, C::accepted, R::all, "200 next 10"},
    {P::fragment, C::rejected, R::refused, "403 0x7 next 10"},
    {P::fragment, C::unknown, R::lost, "500 0x8020001F 0x5 next 0"},
    {P::close, C::receiving, R::ok, "200"},
    {P::close, C::handing_over, R::hold, "503 0x7"},
    {P::close, C::accepted, R::ok, "200"},
    {P::close, C::rejected, R::ok, "200"},
    {P::close, C::unknown, R::lost, "500 0x8020001F 0x5"},
    {P::cancel, C::receiving, R::ok, "200"},
    {P::cancel, C::handing_over, R::ok, "200"},
    {P::cancel, C::accepted, R::ok, "200"},
    {P::cancel, C::rejected, R::ok, "200"},
    {P::cancel, C::unknown, R::ok, "200"},
};

std::vector<Outcome<UploadStatus>> outcomes(const Cell& cell) {
  // What next_step() makes of a Create for an upload that was taken.
  const bool creates = cell.packet == P::create;
  switch (cell.column) {
    case C::receiving: {
      // The status that a Leave brings is that after its cancelling.
      const bool leaves = cell.packet == P::close || cell.packet == P::cancel;
      return {upload_in(leaves ? UploadState::cancelled : UploadState::receiving, 4)};
    }
    case C::handing_over:
      return {
          upload_in(UploadState::sealed, 10), upload_in(UploadState::receiving, 10),
          upload_in(UploadState::delivering, 10),
          test::refused(creates ? Problem::already_settled : Problem::pending, upload_in(UploadState::delivering, 10)),
          test::refused(Problem::pending, upload_in(UploadState::sealed, 10))};
    case C::accepted:
      if (creates)
        return {test::refused(Problem::already_settled, test::accepted()),
                test::refused(Problem::key_conflict, test::accepted())};
      return {test::accepted(), test::refused(Problem::already_settled, test::accepted())};
    case C::rejected:
      if (creates) return {test::refused(Problem::already_settled, test::rejected())};
      return {test::rejected(), test::refused(Problem::rejected, test::rejected()),
              test::refused(Problem::already_settled, test::rejected())};
    case C::unknown:
      if (creates) return {upload_in(UploadState::receiving, 0)};
      return {test::refused(Problem::unknown_upload), test::refused(Problem::gone),
              test::refused(Problem::gone, upload_in(UploadState::expired)), upload_in(UploadState::expired)};
  }
  return {};
}

std::string text_of(BitsPacket which) {
  const std::array<std::string, kBitsPacketCount> texts = {kCreate, kPing, kFragment, kClose, kCancel};
  return texts.at(static_cast<std::size_t>(which));
}

TEST(bits_table, every_packet_in_every_column) {
  ASSERT_EQ(kCells.size(), kBitsPacketCount * kBitsColumnCount);
  for (std::size_t i = 0; i < kCells.size(); ++i) {
    const Cell& cell = kCells[i];
    EXPECT_EQ(static_cast<std::size_t>(cell.packet) * kBitsColumnCount + static_cast<std::size_t>(cell.column), i);
    EXPECT_EQ(bits_reply(cell.packet, cell.column), cell.reply) << i;
    if (cell.packet == P::ping) {
      EXPECT_EQ(brief(refusal(kPing)), cell.answer);
      continue;
    }
    ASSERT_FALSE(outcomes(cell).empty());
    for (const auto& outcome : outcomes(cell))
      EXPECT_EQ(brief(answered(text_of(cell.packet), outcome)), cell.answer) << i;
  }
}

TEST(bits_create, makes_an_upload_by_the_url) {
  const CreateUpload upload =
      test::operation_of<MakeUpload>(packet("Create-Session", kProtocols + "Content-Name: C:\\secret\\report.doc\n"))
          .upload;
  EXPECT_EQ(upload.inbox, "box");
  EXPECT_EQ(upload.key, "order-7");
  EXPECT_EQ(upload.name, "f.bin");
  EXPECT_EQ(upload.size, std::nullopt);
  EXPECT_EQ(upload.url, "http://inbox.example/in/box/order-7/f.bin");
  EXPECT_EQ(upload.dialect, Dialect::bits);
  EXPECT_FALSE(test::operation_of<MakeUpload>(kCreate).part);
}

TEST(bits_create, wants_the_one_protocol) {
  const auto offered = [](const std::string& list) {
    return translate(test::head_of(packet("Create-Session", "BITS-Supported-Protocols: " + list + "\n")), {}).index() ==
           0;
  };
  const std::string ours(kBitsProtocol);
  EXPECT_TRUE(offered("{7DF0354D-249B-430F-820D-3D2A9BEF4931}"));
  EXPECT_TRUE(offered("{00000000-0000-0000-0000-000000000000} " + ours));
  EXPECT_TRUE(offered("{00000000-0000-0000-0000-000000000000}, " + ours + ",x"));
  EXPECT_FALSE(offered("{00000000-0000-0000-0000-000000000000}"));
  EXPECT_FALSE(offered("7df0354d-249b-430f-820d-3d2a9bef4931"));
  EXPECT_FALSE(offered(ours + "x"));
  EXPECT_FALSE(offered(""));
  std::string many;
  for (std::size_t i = 1; i < kMaxProtocols; ++i) many += "a ";
  EXPECT_TRUE(offered(many + ours));
  EXPECT_FALSE(offered(many + "a " + ours));
}

TEST(bits_create, the_session_and_the_host) {
  UploadStatus status = upload_in(UploadState::receiving, 0);
  status.created = true;
  EXPECT_EQ(test::text_of(answered(kCreate, status)),
            "200 OK\nBITS-Packet-Type: Ack\nBITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\nAccept-Encoding: "
            "identity\n"
            "BITS-Session-Id: {aaaabbbbccccddddeeeeffffgg}\nContent-Length: 0\n");
  WireSettings settings;
  settings.bits_host_id = "node-3.example";
  EXPECT_EQ(value_of(answered(kCreate, status, settings), "BITS-Host-Id"), "node-3.example");
  EXPECT_EQ(value_of(answered(kCreate, status, settings), "BITS-Host-Id-Fallback-Timeout"), "-");
  settings.bits_host_id_fallback = std::chrono::seconds(60);
  EXPECT_EQ(value_of(answered(kCreate, status, settings), "BITS-Host-Id-Fallback-Timeout"), "60");
  settings.bits_host_id.reset();
  EXPECT_EQ(value_of(answered(kCreate, status, settings), "BITS-Host-Id-Fallback-Timeout"), "-");
  for (const auto& outcome :
       {test::refused(Problem::already_settled, test::accepted()), test::refused(Problem::no_space)}) {
    EXPECT_EQ(value_of(answered(kCreate, outcome), "BITS-Session-Id"), "-");
    EXPECT_EQ(value_of(answered(kCreate, outcome), "BITS-Protocol"), "-");
  }
  EXPECT_EQ(brief(answered(kCreate, test::refused(Problem::unknown_inbox))), "404");
  EXPECT_EQ(brief(answered(kCreate, test::refused(Problem::too_large))), "500 0x80200020 0x5");
}

TEST(bits_fragment, is_a_part_that_skips_what_is_known) {
  const SendPart append = test::operation_of<SendPart>(kFragment);
  EXPECT_EQ(append.part.id, "aaaabbbbccccddddeeeeffffgg");
  EXPECT_EQ(append.part.offset, 4U);
  EXPECT_EQ(append.part.length, 6U);
  EXPECT_EQ(append.part.total, 10U);
  EXPECT_TRUE(append.part.skips_known);
  EXPECT_EQ(test::operation_of<SendPart>(packet("fragment", "bits-session-id: aBc-9\nContent-Range: bytes 0-0/1\n", 1))
                .part.id,
            "aBc-9");
  EXPECT_EQ(brief(refusal(packet("Fragment", kSession + "Content-Range: bytes 0-0/1\nContent-Encoding: gzip\n", 1))),
            "400 0x80070057 0x5 next 0");
}

TEST(bits_fragment, that_is_malformed) {
  for (const char* const range :
       {"", "Content-Range: bytes 4-9/*\n", "Content-Range: bytes 4-9\n", "Content-Range: bytes 9-4/10\n",
        "Content-Range: bytes 4-10/10\n", "Content-Range: bytes 4-9/10\nContent-Range: bytes 4-9/10\n",
        "Content-Range: bytes 18446744073709551610-18446744073709551615/10\n"}) {
    const http::Response response = refusal(packet("Fragment", kSession + range, 6));
    EXPECT_EQ(brief(response).substr(0, 18), "400 0x80070057 0x5") << range;
    EXPECT_NE(value_of(response, "BITS-Received-Content-Range"), "-") << range;
  }
  EXPECT_EQ(brief(refusal(packet("Fragment", kSession + "Content-Range: bytes 4-9/10\n", 5))),
            "400 0x80070057 0x5 next 4");
  EXPECT_EQ(brief(refusal(packet("Fragment", "Content-Range: bytes 4-9/10\n", 6))), "400 0x80070057 0x5 next 4");
}

TEST(bits_fragment, too_large_itself_or_of_too_large_a_file) {
  WireSettings settings;
  settings.max_size = 100;
  settings.max_part = 10;
  // The client sends smaller ones from where it is.
  const http::Response smaller =
      refusal(packet("Fragment", kSession + "Content-Range: bytes 20-39/100\n", 20), settings);
  EXPECT_EQ(brief(smaller), "413 next 20");
  EXPECT_EQ(brief(refusal(packet("Fragment", kSession + "Content-Range: bytes 0-9/101\n", 10), settings)),
            "500 0x80200020 0x5 next 0");
  EXPECT_TRUE(std::holds_alternative<Request>(
      translate(test::head_of(packet("Fragment", kSession + "Content-Range: bytes 90-99/100\n", 10)), settings)));
}

TEST(bits_fragment, every_answer_says_where_to_go_on) {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(Problem::failed); ++i) {
    const auto problem = static_cast<Problem>(i);
    EXPECT_NE(value_of(answered(kFragment, test::refused(problem)), "BITS-Received-Content-Range"), "-") << i;
    const http::Response response = answered(kFragment, test::refused(problem, upload_in(UploadState::receiving, 4)));
    const bool lost = problem == Problem::gone || problem == Problem::unknown_upload;
    EXPECT_EQ(value_of(response, "BITS-Received-Content-Range"), lost ? "0" : "4") << i;
    EXPECT_EQ(value_of(response, "BITS-Session-Id"), "{aaaabbbbccccddddeeeeffffgg}");
  }
  EXPECT_EQ(brief(answered(kFragment, test::refused(Problem::pending))), "503 0x7 next 10");
}

TEST(bits_fragment, a_gap_has_no_error_fields) {
  const http::Response response =
      answered(kFragment, test::refused(Problem::wrong_offset, upload_in(UploadState::receiving, 2)));
  EXPECT_EQ(test::text_of(response),
            "416 Range Not Satisfiable\nBITS-Packet-Type: Ack\nBITS-Session-Id: "
            "{aaaabbbbccccddddeeeeffffgg}\nBITS-Received-Content-Range: 2\nContent-Length: 0\n");
}

TEST(bits_fragment, of_a_file_with_another_digest) {
  const auto failed = test::refused(Problem::content_digest, upload_in(UploadState::failed, 10));
  EXPECT_EQ(brief(answered(kFragment, failed)), "400 0x80070057 0x5 next 10");
  EXPECT_EQ(brief(answered(kClose, failed)), "200");
  EXPECT_EQ(brief(answered(kCreate, failed)), "403 0x80070005 0x5");
  EXPECT_EQ(brief(answered(kFragment, upload_in(UploadState::failed, 10))), "400 0x80070057 0x5 next 10");
  EXPECT_EQ(brief(answered(kFragment, test::refused(Problem::wrong_size, upload_in(UploadState::receiving, 4)))),
            "400 0x80070057 0x5 next 4");
}

TEST(bits_fragment, the_last_one_tells_the_reply) {
  UploadStatus status = test::accepted();
  EXPECT_EQ(value_of(answered(kFragment, status), "BITS-Reply-URL"), "-");
  status.has_reply = true;
  EXPECT_EQ(value_of(answered(kFragment, status), "BITS-Reply-URL"),
            "http://inbox.example/reply/aaaabbbbccccddddeeeeffffgg");
  WireSettings settings;
  settings.base_url = "https://front.example";
  EXPECT_EQ(value_of(answered(kFragment, status, settings), "BITS-Reply-URL"),
            "https://front.example/reply/aaaabbbbccccddddeeeeffffgg");
  settings = {};
  settings.scheme = "https";
  EXPECT_EQ(value_of(answered(kFragment, status, settings), "BITS-Reply-URL"),
            "https://inbox.example/reply/aaaabbbbccccddddeeeeffffgg");
}

TEST(bits_fragment, a_rejection_ends_the_job) {
  EXPECT_EQ(brief(answered(kFragment, test::rejected(409))), "422 0x7 next 10");  // 409 would be tried again
  EXPECT_EQ(brief(answered(kFragment, test::rejected(451))), "451 0x7 next 10");
}

TEST(bits_leave, what_it_asks) {
  const LeaveSession close = test::operation_of<LeaveSession>(kClose);
  EXPECT_EQ(close.id, "aaaabbbbccccddddeeeeffffgg");
  EXPECT_TRUE(close.closes);
  EXPECT_FALSE(close.empty_is_whole);
  EXPECT_FALSE(test::operation_of<LeaveSession>(kCancel).closes);
  WireSettings settings;
  settings.bits_empty_files = true;
  EXPECT_TRUE(test::operation_of<LeaveSession>(kClose, settings).empty_is_whole);
  EXPECT_FALSE(test::operation_of<LeaveSession>(kCancel, settings).empty_is_whole);
}

TEST(bits_leave, repeated_after_a_lost_answer) {
  const auto gone = test::refused(Problem::gone, upload_in(UploadState::cancelled, 4));
  EXPECT_EQ(brief(answered(kClose, gone)), "200");
  EXPECT_EQ(brief(answered(kCancel, gone)), "200");
  EXPECT_EQ(brief(answered(kFragment, gone)), "500 0x8020001F 0x5 next 0");
}

TEST(bits_session, that_no_session_here_can_have) {
  const auto with = [](const std::string& type, const std::string& id) {
    return brief(refusal(packet(type, "BITS-Session-Id: " + id + "\n")));
  };
  for (const char* const id : {"{}", "{a b}", "{../x}", "{a", "a}", "{{a}}", "{\"a\"}"}) {
    EXPECT_EQ(with("Close-Session", id), "500 0x8020001F 0x5") << id;
    EXPECT_EQ(with("Cancel-Session", id), "200") << id;
  }
  EXPECT_EQ(brief(refusal(packet("Fragment", "BITS-Session-Id: {a b}\nContent-Range: bytes 4-9/10\n", 6))),
            "500 0x8020001F 0x5 next 0");
  EXPECT_EQ(with("Close-Session", std::string(101, 'a')), "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal(packet("Close-Session", ""))), "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal(packet("Close-Session", kSession + kSession))), "400 0x80070057 0x5");
}

TEST(bits_packet, that_is_none) {
  EXPECT_EQ(brief(refusal(packet("Hello", kSession))), "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal("BITS_POST /in/box/k/n HTTP/1.1\nContent-Length: 0\n")), "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal(
                "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Ping\nBITS-Packet-Type: Ping\nContent-Length: 0\n")),
            "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal("BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Ping\n")), "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal("BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Ping\nTransfer-Encoding: chunked\n")),
            "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal("BITS_POST /in/box/k/n HTTP/1.0\nBITS-Packet-Type: Ping\nContent-Length: 0\n")), "505");
  for (const char* const type : {"Ping", "Create-Session", "Close-Session", "Cancel-Session"})
    EXPECT_EQ(brief(refusal(packet(type, kSession + kProtocols, 1))), "400 0x80070057 0x5") << type;
  EXPECT_EQ(brief(refusal(packet("Ping", "X: " + std::string(kMaxBitsValue + 1, 'x') + "\n"))), "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal(packet("Ping", "X: " + std::string(kMaxBitsValue, 'x') + "\n"))), "200");
  EXPECT_EQ(brief(refusal(packet("Ping", "Content-Name: " + std::string(kMaxContentName + 1, 'x') + "\n"))),
            "400 0x80070057 0x5");
  EXPECT_EQ(brief(refusal("BITS_POST /in/box/k/n/m HTTP/1.1\nBITS-Packet-Type: Ping\nContent-Length: 0\n")), "404");
}

}  // namespace
}  // namespace larder::inbox
