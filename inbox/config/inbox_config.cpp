#include "inbox/config/inbox_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/config/config_reader.h"
#include "base/config/toml_document.h"
#include "base/config/value_codec.h"
#include "base/hash/digest.h"
#include "base/http/peer_certificate.h"
#include "base/text/host_port.h"
#include "base/text/text.h"

namespace larder::inbox {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kDay = hours(24);
constexpr std::string_view kPage = "docs/inbox-configuration.md";

constexpr std::array<std::pair<HandOverWay, const char*>, 4> kHandOverWays = {{{HandOverWay::directory, "directory"},
                                                                               {HandOverWay::take, "take"},
                                                                               {HandOverWay::program, "program"},
                                                                               {HandOverWay::http, "http"}}};
constexpr std::uint64_t kMostReply = 16 * kMiB;  // it is in memory while it comes

struct HandOverCodec {
  using Value = HandOverWay;
  std::string kind = "word", unit = "–", range = "\"directory\", \"take\", \"program\", \"http\"";
  [[nodiscard]] Parsed<HandOverWay> read(const ConfigValue& value) const {
    if (const auto* text = std::get_if<std::string>(&value))
      for (const auto& [hand_over, name] : kHandOverWays)
        if (*text == name) return hand_over;
    return tl::unexpected<std::string>("must be one of " + range);
  }
  [[nodiscard]] std::string write(HandOverWay value) const {
    for (const auto& [hand_over, name] : kHandOverWays)
      if (hand_over == value) return toml_string(name);
    return {};
  }
};

struct UrlContentCodec {
  using Value = UrlContent;
  std::string kind = "word", unit = "–", range = "\"value\", \"reference\"";
  [[nodiscard]] Parsed<UrlContent> read(const ConfigValue& value) const {
    if (const auto* text = std::get_if<std::string>(&value)) {
      if (*text == "value") return UrlContent::value;
      if (*text == "reference") return UrlContent::reference;
    }
    return tl::unexpected<std::string>("must be one of " + range);
  }
  [[nodiscard]] std::string write(UrlContent value) const {
    return toml_string(value == UrlContent::value ? "value" : "reference");
  }
};

struct ReplySizeCodec : SizeCodec {
  ReplySizeCodec() : SizeCodec(1, "") { range = "\"1 B\" to \"16 MiB\""; }
  [[nodiscard]] Parsed<std::uint64_t> read(const ConfigValue& value) const {
    auto size = SizeCodec::read(value);
    if (size && *size > kMostReply) return tl::unexpected<std::string>("must be " + range);
    return size;
  }
};

std::optional<std::string> check_url(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  for (const std::string_view scheme : {"http://", "https://"})
    if (visible && text.size() <= 2200 && text.rfind(scheme, 0) == 0 && text.size() > scheme.size() &&
        text[scheme.size()] != '/')
      return std::nullopt;
  return "must be a URL such as \"https://app.example/uploads\", at most 2200 visible ASCII characters without \"#\"";
}

std::optional<std::string> check_listen(const std::string& text) {
  const auto at = parse_host_port(text);
  if (at && is_numeric_address(at->host)) return std::nullopt;
  return "must be addresses in numbers with a port, such as \"0.0.0.0:7480\" or \"[::1]:7480\"";
}

std::optional<std::string> check_digest(const std::string& text) {
  if (digest_from_hex(text)) return std::nullopt;
  return "must be SHA-256 digests of tokens, 64 hexadecimal digits each; `larder-inbox --new-token` prints one";
}

std::optional<std::string> check_fingerprint(const std::string& text) {
  if (digest_from_hex(text)) return std::nullopt;
  return "must be SHA-256 digests of certificates in DER, 64 hexadecimal digits each, without colons";
}

std::optional<std::string> check_certificate_name(const std::string& text) {
  for (const std::string_view kind : {"dns:", "email:", "uri:"})
    if (text.size() > kind.size() && text.rfind(kind, 0) == 0 && text.size() <= http::kMaxCertificateName &&
        !has_control(text) && (kind != "dns:" || lower_case(text) == text))
      return std::nullopt;
  return "must be names of a certificate's subjectAltName, such as \"dns:build7.example\" (in lower case), "
         "\"email:anna@example.org\" or \"uri:spiffe://example/build\"";
}

std::optional<std::string> check_name(const std::string& text) {
  if (identifier().check(text) == std::nullopt) return std::nullopt;
  return "must be names of [[principal]], or \"anybody\"";
}

std::optional<std::string> check_base_url(const std::string& text) {
  const bool good = text.empty() || ((text.rfind("http://", 0) == 0 || text.rfind("https://", 0) == 0) &&
                                     text.back() != '/' && !has_control(text) && text.find(' ') == std::string::npos);
  return good ? std::nullopt
              : std::optional<std::string>("must be a URL without \"/\" at its end, such as \"https://inbox.example\"");
}

// It may have a password.
std::string shown_url(const std::string& text) {
  const std::size_t host = text.find("://"), at = text.find('@');
  const bool has_user = host != std::string::npos && at != std::string::npos && at < text.find('/', host + 3);
  return has_user ? text.substr(0, host + 3) + "…" + text.substr(at) : text;
}

std::optional<std::string> check_host_id(const std::string& text) {
  if (text.empty() || is_host_name(text) || is_numeric_address(text)) return std::nullopt;
  return "must be a host name or an address that clients reach this node by, or \"\"";
}

std::optional<std::string> check_argument(const std::string& text) {
  return program().check(text);
}

std::optional<std::string> check_command(const std::vector<std::string>& command) {
  return command.empty() ? std::nullopt : program().check_all(command);
}

ListCodec program_or_none() {
  return {"list of texts", "–", "at most 64; the first an absolute path", 0, 64, check_argument, check_command};
}

template <class Codec, class Access>
ConfigRow<ServerConfig> server(const char* name, Codec codec, Access access, const char* meaning) {
  return config_row<ServerConfig>("server", name, std::move(codec), access, meaning);
}

const std::vector<ConfigRow<ServerConfig>>& server_rows() {
  static const std::vector<ConfigRow<ServerConfig>> rows = {
      server("state_directory", absolute_path(), LARDER_MEMBER(state_directory),
             "The ledger and the files that were not handed over yet. One program at a time."),
      server("runtime_directory", absolute_path(), LARDER_MEMBER(runtime_directory),
             "Where `inbox.sock` is made, for `larder inbox`."),
      server("admins", user_names(), LARDER_MEMBER(admins),
             "Users that may take, acknowledge and see uploads by `inbox.sock`, besides root and the service's own."),
      server("listen", ListCodec{"list of addresses", "–", "1 to 16", 1, 16, check_listen}, LARDER_MEMBER(listen),
             "Where clients connect. On other addresses than this machine's own use `certificate`, or a balancer with "
             "TLS in front."),
      server("certificate", absolute_path_or_none(), LARDER_MEMBER(certificate),
             "Certificate in PEM, with those between it and its authority: TLS 1.3 on all addresses. SIGHUP reads it "
             "again."),
      server("key", absolute_path_or_none(), LARDER_MEMBER(key), "The certificate's private key in PEM."),
      server(
          "client_authorities", absolute_path_or_none(), LARDER_MEMBER(client_authorities),
          "Certificates in PEM: clients are asked for a certificate that one of these has signed. \"\": they are not."),
      server("base_url", TextCodec{"URL", "–", "http or https, or \"\"", check_base_url}, LARDER_MEMBER(base_url),
             "What clients call this server, where a balancer in front changes it; \"\": as they asked."),
      server("log_level", LogLevelCodec{}, LARDER_MEMBER(log_level), "The least important lines to log."),
      server("access_log", OnOffCodec{}, LARDER_MEMBER(access_log), "A line of the log for each request."),
      server("max_connections", CountCodec<unsigned>{1, 60000, "connections"}, LARDER_MEMBER(max_connections),
             "Of all clients together."),
      server("connections_per_address", CountCodec<unsigned>{1, 60000, "connections"},
             LARDER_MEMBER(connections_per_address), "Of one address; behind a balancer as many as there are."),
      server("keep_free", SizeCodec(0, ""), LARDER_MEMBER(keep_free),
             "What stays free on the file system; an upload that would need more is refused with 507."),
      server("stall_timeout", TimeCodec(seconds(1), hours(1)), LARDER_MEMBER(stall_timeout),
             "A body of which no byte comes for so long is broken off."),
      server("least_rate", RateCodec("off"), LARDER_MEMBER(least_rate),
             "A body that comes more slowly over five minutes is broken off; what came is kept."),
      server("remember", TimeCodec(hours(1), kDay * 3650), LARDER_MEMBER(remember),
             "How long settled uploads are known, so that a repetition is answered and not carried out again."),
      server("keep_content", TimeCodec(Duration{}, kDay * 365), LARDER_MEMBER(keep_content),
             "How long a file that was handed over stays in the state directory."),
      server("bits_host_id", TextCodec{"name", "–", "a host name or address, or \"\"", check_host_id},
             LARDER_MEMBER(bits_host_id),
             "Pins BITS clients to this node, where nodes behind one address share no state."),
      server("bits_fallback", TimeCodec(seconds(1), kDay * 14, "never"), LARDER_MEMBER(bits_fallback),
             "A pinned client that cannot reach this node goes back to the shared address after so long."),
  };
  return rows;
}

const std::vector<ConfigRow<PrincipalConfig>>& principal_rows() {
  static const std::vector<ConfigRow<PrincipalConfig>> rows = [] {
    std::vector<ConfigRow<PrincipalConfig>> made = {
        config_row<PrincipalConfig>("[principal]", "name", identifier(), LARDER_MEMBER(name),
                                    "Who it is; each name once."),
        config_row<PrincipalConfig>(
            "[principal]", "token_sha256",
            ListCodec{"list of digests", "hex", "at most 16; SHA-256 of a token", 0, 16, check_digest},
            LARDER_MEMBER(token_sha256),
            "Any of these tokens proves it: `Authorization: Bearer TOKEN`, or Basic with the name and the token."),
        config_row<PrincipalConfig>(
            "[principal]", "certificate_sha256",
            ListCodec{"list of digests", "hex", "at most 64; SHA-256 of a certificate", 0, 64, check_fingerprint},
            LARDER_MEMBER(certificate_sha256),
            "Any of these client certificates proves it; `openssl x509 -noout -fingerprint -sha256` prints it."),
        config_row<PrincipalConfig>("[principal]", "certificate_names",
                                    ListCodec{"list of names", "–", "at most 64; `dns:`, `email:` or `uri:` and a name",
                                              0, 64, check_certificate_name},
                                    LARDER_MEMBER(certificate_names),
                                    "A client certificate with any of these in its subjectAltName proves it."),
    };
    for (auto& row : made) row.required = row.key.name == "name";
    return made;
  }();
  return rows;
}

template <class Codec, class Access>
ConfigRow<InboxConfig> inbox(const char* name, Codec codec, Access access, const char* meaning) {
  return config_row<InboxConfig>("[inbox]", name, std::move(codec), access, meaning);
}

const std::vector<ConfigRow<InboxConfig>>& inbox_rows() {
  static const std::vector<ConfigRow<InboxConfig>> rows = [] {
    std::vector<ConfigRow<InboxConfig>> made = {
        inbox("name", identifier(), LARDER_MEMBER(name), "The NAME of `/in/NAME/`; each once."),
        inbox("principals", ListCodec{"list of names", "–", "1 to 256", 1, 256, check_name}, LARDER_MEMBER(principals),
              "Who may upload: names of [[principal]], or \"anybody\" alone."),
        inbox(
            "hand_over", HandOverCodec{}, LARDER_MEMBER(hand_over),
            "How the application gets a file: it appears in `directory`, `larder inbox take` asks for it, a program is "
            "run, or a URL is called."),
        inbox("directory", absolute_path_or_none(), LARDER_MEMBER(directory),
              "Of `directory`: the file comes to `ready/`, and the application renames it to `done/` or `reject/`. Of "
              "`http` by reference: the file is in `ready/` while the application is called."),
        inbox(
            "program", program_or_none(), LARDER_MEMBER(program),
            "Of `program`: run without a shell, the file as descriptor 3. Status 0: taken; 1: refused; else it is run "
            "again later."),
        inbox("program_timeout", TimeCodec(milliseconds(100), hours(24)), LARDER_MEMBER(program_timeout),
              "A program that runs longer is ended, and run again later."),
        inbox("url", TextCodec{"URL", "–", "http or https, or \"\"", check_url, shown_url}, LARDER_MEMBER(url),
              "Of `http`: called by POST with each file. 2xx: taken; 4xx: refused; 408, 409, 425, 429, 5xx and no "
              "answer: "
              "called again later. `NAME:PASSWORD@` before the host is sent as Basic."),
        inbox("url_content", UrlContentCodec{}, LARDER_MEMBER(url_content),
              "value: the file is the body; reference: its path in `directory` is told, to a server of this machine."),
        inbox("url_timeout", TimeCodec(seconds(1), hours(1)), LARDER_MEMBER(url_timeout),
              "A call in which no byte goes or comes for so long is broken off, and made again later."),
        inbox("url_authorities", absolute_path_or_none(), LARDER_MEMBER(url_authorities),
              "Certificates in PEM that sign that of the server of `url`; \"\": those of the system."),
        inbox("max_reply", ReplySizeCodec{}, LARDER_MEMBER(max_reply),
              "Of what the application gives the client; a larger one is dropped, and `larder inbox show` says so."),
        inbox("wait_for_application", TimeCodec(seconds(1), minutes(4), "off"), LARDER_MEMBER(wait_for_application),
              "Clients are told of success once the application has the file, and wait so long for it; then they are "
              "asked to "
              "come again. off: once the file is safe here."),
        inbox("scanner", program_or_none(), LARDER_MEMBER(scanner),
              "Judges a file before the client is told of success: status 0: accepted; 1: refused; else asked again."),
        inbox("scanner_timeout", TimeCodec(milliseconds(100), hours(1)), LARDER_MEMBER(scanner_timeout),
              "A scanner that runs longer is ended, and asked again later."),
        inbox("max_size", SizeCodec(1, ""), LARDER_MEMBER(max_size), "Of one file."),
        inbox("max_part", SizeCodec(64 * kKiB, "file"), LARDER_MEMBER(max_part),
              "Of the body of one request; file: as large as the file may be."),
        inbox("max_open", CountCodec<unsigned>{1, 100000, "uploads"}, LARDER_MEMBER(max_open),
              "Uploads that one principal may have begun and not finished."),
        inbox("expiry", TimeCodec(minutes(1), kDay * 365), LARDER_MEMBER(expiry),
              "An upload of which nothing came for so long is removed."),
        inbox("empty_bits", OnOffCodec{}, LARDER_MEMBER(empty_bits),
              "BITS: a session that is closed without a byte is an empty file; off: it is dropped."),
    };
    for (auto& row : made) row.required = row.key.name == "name" || row.key.name == "principals";
    return made;
  }();
  return rows;
}

class Reader {
 public:
  explicit Reader(const std::string& file_name) : file_name_(file_name), reader_(file_name, std::string(kPage)) {}

  Result<std::shared_ptr<const ServerConfig>> read(std::string_view text) const {
    const auto document = parse_toml(text, file_name_);
    if (!document) return tl::unexpected<Error>(document.error());
    auto config = std::make_shared<ServerConfig>();
    for (const ConfigSection& section : *document)
      if (auto done = read_section(section, *config); !done) return tl::unexpected<Error>(done.error());
    for (const ConfigSection& section : *document)
      if (auto done = check_together(section, *config); !done) return tl::unexpected<Error>(done.error());
    if (config->inboxes.empty()) return reader_.wrong(1, "there is no [[inbox]]: nobody could upload anything");
    return config;
  }

 private:
  Status read_section(const ConfigSection& section, ServerConfig& config) const {
    if (section.name == "server") return reader_.read_section(section, server_rows(), config);
    if (section.name == "principal") return reader_.read_repeated(section, principal_rows(), config.principals);
    if (section.name == "inbox") return reader_.read_repeated(section, inbox_rows(), config.inboxes);
    return reader_.wrong(section.line, fmt::format("unknown section \"{}\"{}", section.name,
                                                   reader_.hint(section.name, {"server", "principal", "inbox"})));
  }

  Status check_together(const ConfigSection& section, const ServerConfig& config) const {
    if (section.name == "server" && config.certificate.empty() != config.key.empty())
      return reader_.wrong(section.line,
                           "\"server.certificate\" and \"server.key\" belong together: give both or none");
    if (section.name == "server" && !config.client_authorities.empty() && config.certificate.empty())
      return reader_.wrong(section.line,
                           "\"server.client_authorities\" needs \"server.certificate\": without TLS no "
                           "client shows a certificate");
    if (section.name == "principal") return check_principals(section, config);
    if (section.name != "inbox") return {};
    for (std::size_t i = 0; i < config.inboxes.size(); ++i)
      if (auto problem = problem_of(config.inboxes[i], config)) return reader_.wrong(section.tables[i].line, *problem);
    return {};
  }

  Status check_principals(const ConfigSection& section, const ServerConfig& config) const {
    for (std::size_t i = 0; i < config.principals.size(); ++i) {
      const PrincipalConfig& each = config.principals[i];
      const bool by_certificate = !each.certificate_sha256.empty() || !each.certificate_names.empty();
      if (by_certificate && config.client_authorities.empty())
        return reader_.wrong(section.tables[i].line,
                             fmt::format("[[principal]] \"{}\" has certificates, but there is no "
                                         "\"server.client_authorities\"",
                                         each.name));
      if (each.token_sha256.empty() && !by_certificate)
        return reader_.wrong(section.tables[i].line,
                             fmt::format("[[principal]] \"{}\" needs \"token_sha256\", \"certificate_sha256\" or "
                                         "\"certificate_names\": nothing would prove it",
                                         each.name));
    }
    return {};
  }

  static std::optional<std::string> problem_of(const InboxConfig& inbox, const ServerConfig& config) {
    const auto needs = [&](const char* key) {
      return fmt::format("[[inbox]] \"{}\" needs \"{}\" for its \"hand_over\"", inbox.name, key);
    };
    if (inbox.hand_over == HandOverWay::directory && inbox.directory.empty()) return needs("directory");
    if (inbox.hand_over == HandOverWay::program && inbox.program.empty()) return needs("program");
    if (inbox.hand_over == HandOverWay::http && inbox.url.empty()) return needs("url");
    if (inbox.hand_over == HandOverWay::http && inbox.url_content == UrlContent::reference && inbox.directory.empty())
      return needs("directory");
    for (const std::string& name : inbox.principals) {
      if (name == kAnybody && inbox.principals.size() > 1)
        return fmt::format("[[inbox]] \"{}\": \"{}\" stands alone, or names would mean nothing", inbox.name, kAnybody);
      const bool known = std::any_of(config.principals.begin(), config.principals.end(),
                                     [&](const PrincipalConfig& each) { return each.name == name; });
      if (name != kAnybody && !known)
        return fmt::format("[[inbox]] \"{}\" names \"{}\", but there is no such [[principal]]", inbox.name, name);
    }
    return std::nullopt;
  }

  std::string file_name_;
  ConfigReader reader_;
};

template <class Target>
void add_rows(std::string& text, const std::vector<ConfigRow<Target>>& rows) {
  for (const auto& row : rows) text += config_line(row.key, row.required);
}

}  // namespace

const InboxConfig* ServerConfig::find_inbox(std::string_view name) const {
  const auto found =
      std::find_if(inboxes.begin(), inboxes.end(), [name](const InboxConfig& inbox) { return inbox.name == name; });
  return found == inboxes.end() ? nullptr : &*found;
}

Result<std::shared_ptr<const ServerConfig>> parse_server_config(std::string_view toml, const std::string& file_name) {
  return Reader(file_name).read(toml);
}

Result<std::shared_ptr<const ServerConfig>> load_server_config(const std::string& path) {
  const auto text = read_config_text(path);
  if (!text) return tl::unexpected<Error>(text.error());
  return parse_server_config(*text, path);
}

std::string server_config_as_markdown() {
  std::string text = std::string(kConfigTableHead);
  add_rows(text, server_rows());
  add_rows(text, principal_rows());
  add_rows(text, inbox_rows());
  return text;
}

}  // namespace larder::inbox
