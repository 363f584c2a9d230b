// Made with minisign 0.11 (-S -H, and -S -l for the legacy form) by keys without a password that are not kept.
#pragma once

#include <string>

namespace larder::test {

inline const std::string kMessage = "Larder judges what it fetches.\n";
inline const std::string kKey = "RWSTUalOWflxSTCQ+TG1ndgn+whBt3p+ajD6v0om+FAIxw5Qldi90wWq";
inline const std::string kOtherKey = "RWT7lCszbY5Vt9Otyh8iQFzoZu4I2KxUxlXmIcrcXLcqlva2TldrXOFF";
inline const std::string kKeyFile = "untrusted comment: minisign public key 4971F9594EA95193\n" + kKey + "\n";
inline const std::string kPrehashed =
    "untrusted comment: signature from minisign secret key\n"
    "RUSTUalOWflxSX1BUivJcMfK94KI5Lgy/bCZNk/yLqNLjzekDxwjCmcRXvooHhG8Zw4ulrAQy8jhHuamn/W/C2McAJxx/fRntwQ=\n"
    "trusted comment: file:m.txt edition 7\n"
    "iJkC9M2/4FAfvMsUCESMgTjNdr3o+ZhOy/9FrdueCDR/TzL8xBJAX6mJ2/zA1NJnYuvkSAtYvNCZlyvXXE9HCg==\n";
inline const std::string kLegacy =
    "untrusted comment: signature from minisign secret key\n"
    "RWSTUalOWflxSaKXs5fDX4zDthY8KWhH06qVHf7cCHBJz9xS5IpPLQ6AXBO28g6opF2iKwodiqViJ6DABk0/5ecm7OtnDXXRSgo=\n"
    "trusted comment: legacy\n"
    "qyCtyOBHdbYpQzmfgnvxeT+yiGX2+QGtZ17bnLTxRK+rjQy9/SZALZGxsjR4p/ta5/zPTXpQZpbqwsOMdYkPDg==\n";
inline const std::string kOtherSignature =
    "untrusted comment: signature from minisign secret key\n"
    "RUT7lCszbY5Vt6ssOreBClWrlIraO657SATJu1HZlWp4V20Vl0glzqFpALcFSJQLVuW0q+e6/JHnoNgFEOaSV1o6gOCZn4aOnw8=\n"
    "trusted comment: other\n"
    "4czyDahT/BWOJvFF2/UgOFAO1ckkxqPuC+7/mddusfTTTNNYbAJ0Wr6WQP8Df0DlPTO0Xx0WIzdhX7WgcrZrDw==\n";

}  // namespace larder::test
