#include "peer/offer/system_facts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

namespace larder::peer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = 64 * 1024;
// Phones and modems on USB. The drivers of USB network adapters and docks (cdc_ether, cdc_ncm, r8152) are not among
// them.
constexpr std::array kMeteredDrivers = {"rndis_host",     "ipheth",     "cdc_mbim", "qmi_wwan",
                                        "huawei_cdc_ncm", "sierra_net", "hso"};

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFile, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

std::string read_word(const fs::path& path) {
  std::string text = read_text(path);
  text.erase(std::find(text.begin(), text.end(), '\n'), text.end());
  return text;
}

std::optional<unsigned> read_number(const fs::path& path) {
  const std::string text = read_word(path);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void read_power(const std::string& root, ServingFacts& facts) {
  std::error_code error;
  unsigned long sum = 0, batteries = 0;
  bool discharging = false, mains = false;
  fs::directory_iterator supplies(root + "/sys/class/power_supply", error);
  for (; !error && supplies != fs::directory_iterator(); supplies.increment(error)) {
    const fs::path at = supplies->path();
    if (read_word(at / "scope") == "Device") continue;  // the battery of a mouse or the like
    const std::string type = read_word(at / "type");
    if (type == "Mains" || type == "USB") mains = mains || read_number(at / "online").value_or(0) != 0;
    if (type != "Battery") continue;
    const auto charge = read_number(at / "capacity");
    if (!charge) continue;
    sum += std::min(100U, *charge);
    ++batteries;
    discharging = discharging || read_word(at / "status") == "Discharging";
  }
  if (batteries == 0) return;
  facts.battery = static_cast<unsigned>(sum / batteries);
  facts.on_battery = discharging && !mains;
}

// Returns the interface of the default route with the lowest metric, from the text of /proc/net/route.
std::string default_interface(const std::string& routes) {
  std::istringstream lines(routes);
  std::string line, best;
  unsigned long best_metric = std::numeric_limits<unsigned long>::max();
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string name, destination, gateway, flags, references, use, mask;
    unsigned long metric = 0;
    if (!(fields >> name >> destination >> gateway >> flags >> references >> use >> metric >> mask)) continue;
    if (destination != "00000000" || mask != "00000000" || metric >= best_metric) continue;
    best = name;
    best_metric = metric;
  }
  return best;
}

bool is_metered(const std::string& root) {
  const std::string name = default_interface(read_text(root + "/proc/net/route"));
  if (name.empty() || name.find('/') != std::string::npos) return false;
  const fs::path at = fs::path(root + "/sys/class/net") / name;
  if (read_text(at / "uevent").find("DEVTYPE=wwan\n") != std::string::npos) return true;
  std::error_code error;
  const std::string driver = fs::read_symlink(at / "device" / "driver", error).filename().string();
  return !error && std::find(kMeteredDrivers.begin(), kMeteredDrivers.end(), driver) != kMeteredDrivers.end();
}

}  // namespace

ServingFacts read_serving_facts(const std::string& root) {
  ServingFacts facts;
  read_power(root, facts);
  facts.metered = is_metered(root);
  return facts;
}

}  // namespace larder::peer
