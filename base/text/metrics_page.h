// Text of a /metrics page, in the format that Prometheus reads: families with their help and type, then their samples.
// Pure.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace larder {

class MetricsPage {
 public:
  using Label = std::pair<std::string_view, std::string_view>;

  // `type`: "counter" or "gauge". The samples that follow are this family's.
  void family(const char* name, const char* type, const char* help) {
    name_ = name;
    text_ += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  template <class Number>
  void sample(Number value) {
    text_ += fmt::format("{} {}\n", name_, value);
  }
  template <class Number>
  void sample(std::string_view label, std::string_view label_value, Number value) {
    sample({{label, label_value}}, value);
  }
  template <class Number>
  void sample(std::initializer_list<Label> labels, Number value) {
    std::string all;
    for (const auto& [label, label_value] : labels)
      all += fmt::format("{}{}=\"{}\"", all.empty() ? "" : ",", label, escaped(label_value));
    text_ += fmt::format("{}{{{}}} {}\n", name_, all, value);
  }
  std::string take() { return std::move(text_); }

 private:
  static std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : value) {
      if (c == '\\' || c == '"') text += '\\';
      text += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return text;
  }

  std::string name_, text_;
};

}  // namespace larder
