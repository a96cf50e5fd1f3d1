//! Who converted: click ids, hashed e-mail addresses and phone numbers, consent.

pub mod click_id;
pub mod consent;
pub mod error;
pub mod identity;
pub mod landing_url;
pub mod phone;
