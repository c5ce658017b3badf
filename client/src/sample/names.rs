//! Names that sample firms and banks are made of. The banks are real, with
//! their interbank category codes; the groups and firms are invented.

/// A bank at which accounts hold their money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementBank {
    /// Category code of the interbank payment system (行别代码).
    pub bank_id: u32,
    /// English name.
    pub name: &'static str,
    /// Chinese name.
    pub chinese_name: &'static str,
}

/// The settlement banks of a sample day.
pub const SETTLEMENT_BANKS: [SettlementBank; 8] = [
    bank(102, "Industrial and Commercial Bank of China", "中国工商银行"),
    bank(103, "Agricultural Bank of China", "中国农业银行"),
    bank(104, "Bank of China", "中国银行"),
    bank(105, "China Construction Bank", "中国建设银行"),
    bank(301, "Bank of Communications", "交通银行"),
    bank(302, "China CITIC Bank", "中信银行"),
    bank(308, "China Merchants Bank", "招商银行"),
    bank(310, "Shanghai Pudong Development Bank", "上海浦东发展银行"),
];

const fn bank(bank_id: u32, name: &'static str, chinese_name: &'static str) -> SettlementBank {
    SettlementBank { bank_id, name, chinese_name }
}

/// The one group that is far greater than the others.
pub(super) const GREAT_GROUP: &str = "Shuangjiang";

/// The other groups are a first and a second syllable.
pub(super) const FIRST_SYLLABLES: [&str; 16] = [
    "An", "Bei", "Chun", "Dan", "Gui", "Hui", "Jing", "Lan", "Meng", "Ning", "Qi", "Rui", "Song",
    "Wan", "Xun", "Yan",
];
pub(super) const SECOND_SYLLABLES: [&str; 10] =
    ["chuan", "feng", "gang", "heng", "lu", "ping", "quan", "tang", "xi", "zhou"];

pub(super) const BUSINESSES: [&str; 5] =
    ["Power", "Power", "Thermal Power", "Heat and Power", "Captive Power"];

/// First two digits of the administrative division (GB/T 2260) and name.
pub(super) const PROVINCES: [(&str, &str); 31] = [
    ("11", "Beijing"),
    ("12", "Tianjin"),
    ("13", "Hebei"),
    ("14", "Shanxi"),
    ("15", "Inner Mongolia"),
    ("21", "Liaoning"),
    ("22", "Jilin"),
    ("23", "Heilongjiang"),
    ("31", "Shanghai"),
    ("32", "Jiangsu"),
    ("33", "Zhejiang"),
    ("34", "Anhui"),
    ("35", "Fujian"),
    ("36", "Jiangxi"),
    ("37", "Shandong"),
    ("41", "Henan"),
    ("42", "Hubei"),
    ("43", "Hunan"),
    ("44", "Guangdong"),
    ("45", "Guangxi"),
    ("46", "Hainan"),
    ("50", "Chongqing"),
    ("51", "Sichuan"),
    ("52", "Guizhou"),
    ("53", "Yunnan"),
    ("54", "Xizang"),
    ("61", "Shaanxi"),
    ("62", "Gansu"),
    ("63", "Qinghai"),
    ("64", "Ningxia"),
    ("65", "Xinjiang"),
];
